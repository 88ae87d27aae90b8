"""Numbers in memory: the smallest container that holds them."""

SIZES = (1, 2, 4, 8)


def element_bytes(width: int) -> int:
    """Bytes that one channel of ``width`` bits takes in memory.

    Raises `ValueError` if no container is that wide.
    """
    for size in SIZES:
        if width <= 8 * size:
            return size
    raise ValueError(f"Width must be at most {8 * SIZES[-1]} bits, not {width!r}")
