"""Tensors as the words that travel on a stream, shared by golden model and test benches."""

import numpy as np

from slipstick.streams.layout import PAD, Layout

WORD = 32


def pack(values: np.ndarray, layout: Layout, width: int) -> np.ndarray:
    """Integers ``(N, C, H, W)`` as beats: uint32 ``(N, H*W*beats, words)``.

    Lane ``l`` is the ``width``-bit two's complement field at bit ``l * width`` of a beat;
    word 0 holds the lowest 32 bits. Bits above the last lane, and pad lanes, are 0.
    """
    pixels = values.reshape(len(values), len(layout.order), -1).transpose(0, 2, 1)
    padded = np.concatenate([pixels, np.zeros((*pixels.shape[:2], 1), pixels.dtype)], axis=2)
    # Index -1, the pad, picks the zero column that was appended.
    lanes = padded[:, :, np.array(layout.beats)]
    fields = lanes.reshape(len(values), -1, layout.lanes).astype(np.uint64) & np.uint64(
        (1 << width) - 1
    )
    words = np.zeros((*fields.shape[:2], -(-layout.lanes * width // WORD) + 2), np.uint64)
    mask = np.uint64((1 << WORD) - 1)
    for lane in range(layout.lanes):
        word, bit = divmod(lane * width, WORD)
        field = fields[:, :, lane]
        # A field of up to 62 bits may straddle three words.
        words[:, :, word] |= (field << np.uint64(bit)) & mask
        words[:, :, word + 1] |= (
            (field >> np.uint64(WORD - bit)) & mask if bit else field >> np.uint64(WORD)
        )
        if bit + width > 2 * WORD:
            words[:, :, word + 2] |= field >> np.uint64(2 * WORD - bit)
    return words[:, :, : -(-layout.lanes * width // WORD)].astype(np.uint32)


def unpack(
    words: np.ndarray, layout: Layout, width: int, signed: bool, shape: tuple[int, int, int]
) -> np.ndarray:
    """The inverse of `pack`: beats ``(N, H*W*beats, words)`` to int64 ``(N, C, H, W)``."""
    wide = np.concatenate(
        [words.astype(np.uint64), np.zeros((*words.shape[:2], 2), np.uint64)], axis=2
    )
    lanes = np.zeros((*words.shape[:2], layout.lanes), np.int64)
    for lane in range(layout.lanes):
        word, bit = divmod(lane * width, WORD)
        field = wide[:, :, word] >> np.uint64(bit)
        field |= wide[:, :, word + 1] << np.uint64(WORD - bit)
        if bit:
            field |= wide[:, :, word + 2] << np.uint64(2 * WORD - bit)
        field &= np.uint64((1 << width) - 1)
        value = field.astype(np.int64)
        lanes[:, :, lane] = value - ((value >> (width - 1)) << width) if signed else value
    pixels = lanes.reshape(len(words), layout.pixels(shape), -1)
    positions = np.empty(len(layout.order), np.int64)
    for position, channel in enumerate(c for beat in layout.beats for c in beat):
        if channel != PAD:
            positions[channel] = position
    return pixels[:, :, positions].transpose(0, 2, 1).reshape(len(words), *shape)
