"""Where the lanes of an engine find moved channels in the words it has stored."""

import numpy as np

from slipstick.graph import Move
from slipstick.graph.nodes import NOTHING
from slipstick.rtl_templates.moved_walk import NOWHERE, LaneMoves
from slipstick.streams import PAD, Layout


def lane_moves(move: Move, words: Layout, stored: Layout) -> LaneMoves:
    """``move`` for lanes that read words of layout ``words`` from pixels of layout ``stored``."""
    read = np.array(words.beats)
    origin = move.channel[read]
    real = (read != PAD) & (origin != NOTHING)
    places = {
        channel: (word, lane)
        for word, beat in enumerate(stored.beats)
        for lane, channel in enumerate(beat)
        if channel != PAD
    }
    found = [places.get(channel, (0, NOWHERE)) for channel in origin.flat]
    place = np.array(found).reshape(*read.shape, 2)
    return LaneMoves(
        word=np.where(real, place[..., 0], 0),
        lane=np.where(real, place[..., 1], NOWHERE),
        dy=np.where(real, move.dy[read], 0),
        dx=np.where(real, move.dx[read], 0),
    )
