"""Places weights and per-channel constants in the lanes and steps that meet them."""

import numpy as np

from slipstick.rtl_templates.window_walk import WindowWalk
from slipstick.streams import PAD, Layout


def arrange_weights(
    table: np.ndarray, walk: WindowWalk, words: Layout, outputs: Layout, groups: int
) -> np.ndarray:
    """A table ``(O, I/groups, kh, kw)`` as the engine reads it: ``(steps, P, taps, S)``.

    Steps follow `WindowWalk`: output beat, tap row, tap column, word, but those that are skipped.
    Lanes without a channel get 0.
    """
    group_outputs, group_inputs = len(table) // groups, table.shape[1]
    padded = np.pad(table, ((0, 1), (0, 1), (0, 0), (0, 0)))
    beats = np.array(outputs.beats)
    channels = np.array(words.beats)

    blocks_in_word = _blocks_in_word(walk, words, groups, group_inputs)
    width = words.lanes // blocks_in_word
    lane_block = np.arange(outputs.lanes) // (outputs.lanes // blocks_in_word)
    first_word = np.arange(walk.beats) // walk.beats_per_block * walk.words_per_beat
    word = first_word[:, None] + np.arange(walk.words_per_beat)
    # (beat, word, P, S): the channel that output lane P meets in position S of that word.
    positions = lane_block[:, None] * width + np.arange(width)
    met = channels[word][:, :, positions]
    inside = np.where(met == PAD, -1, met % group_inputs)
    produced = np.where(beats == PAD, -1, beats)[:, None, :, None]
    _check_groups(met, beats, group_inputs, group_outputs)

    fold_y, fold_x = walk.tap_folds
    tap_y, tap_x = walk.parallel_kernel
    gathered = padded[produced, inside]
    split = gathered.reshape(*gathered.shape[:4], fold_y, tap_y, fold_x, tap_x)
    # (beat, word, P, S, fy, py, fx, px) -> (beat, fy, fx, word, P, py, px, S)
    ordered = split.transpose(0, 4, 6, 1, 2, 5, 7, 3)
    return ordered.reshape(-1, outputs.lanes, tap_y * tap_x, width)[walk.kept]


def _blocks_in_word(walk: WindowWalk, words: Layout, groups: int, group_inputs: int) -> int:
    """Groups that one word carries; 1 unless each beat reads a single word of several groups."""
    spans = groups > 1 and walk.beats == len(words.beats) and words.lanes > group_inputs
    exactly_one = groups > 1 and walk.words_per_beat == walk.beats_per_block == 1
    return words.lanes // group_inputs if spans or (exactly_one and words.lanes > 1) else 1


def _check_groups(
    met: np.ndarray, beats: np.ndarray, group_inputs: int, group_outputs: int
) -> None:
    """Every output must meet inputs of its own group only."""
    meets = (met != PAD) & (beats != PAD)[:, None, :, None]
    same = met // group_inputs == (beats // group_outputs)[:, None, :, None]
    if not (same | ~meets).all():
        raise AssertionError("Layouts must keep each group's channels together")


def arrange_channels(values: np.ndarray, layout: Layout) -> np.ndarray:
    """Per-channel values ``(..., C)`` as ``(..., beats, lanes)``; 0 in lanes without one."""
    padded = np.concatenate([values, np.zeros((*values.shape[:-1], 1), values.dtype)], axis=-1)
    return padded[..., np.array(layout.beats)]


def is_real(layout: Layout) -> np.ndarray:
    """Whether a lane carries a channel: bool ``(beats, lanes)``."""
    return np.array(layout.beats) != PAD
