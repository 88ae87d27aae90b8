"""Where the lanes of an engine find moved channels in the words it has stored."""

import numpy as np

from slipstick.graph import Move
from slipstick.rtl_templates.moved_walk import NOWHERE, LaneMoves
from slipstick.streams import PAD, Layout


def lane_moves(move: Move, words: Layout, stored: Layout) -> LaneMoves:
    """``move`` for lanes that read words of layout ``words`` from pixels of layout ``stored``."""
    read = np.array(words.beats)
    real = read != PAD
    origin = move.channel[read]
    places = {
        channel: (word, lane)
        for word, beat in enumerate(stored.beats)
        for lane, channel in enumerate(beat)
        if channel != PAD
    }
    place = np.array([places[channel] for channel in origin.flat]).reshape(*read.shape, 2)
    return LaneMoves(
        word=np.where(real, place[..., 0], 0),
        lane=np.where(real, place[..., 1], NOWHERE),
        dy=np.where(real, move.dy[read], 0),
        dx=np.where(real, move.dx[read], 0),
    )
