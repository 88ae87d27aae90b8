"""The geometry of a sliding window."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A 2-D window: what a convolution or a pool reads for one output pixel.

    Output pixel ``(oy, ox)`` reads rows ``oy*stride[0] - padding[0] + ky*dilation[0]`` and
    columns ``ox*stride[1] - padding[2] + kx*dilation[1]``.

    Attributes
    ----------
    kernel : ``(kh, kw)``.
    stride : ``(sy, sx)``.
    padding : ``(top, bottom, left, right)``.
    dilation : ``(dy, dx)``.
    """

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for field in ("kernel", "stride", "dilation"):
            if min(getattr(self, field)) < 1:
                raise ValueError(
                    f"Window {field} must be positive integers, not {getattr(self, field)!r}"
                )
        if min(self.padding) < 0:
            raise ValueError(f"Window padding must be non-negative integers, not {self.padding!r}")

    @property
    def taps(self) -> int:
        """Number of pixels the window reads."""
        return self.kernel[0] * self.kernel[1]

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last, both included."""
        (kh, kw), (dy, dx) = self.kernel, self.dilation
        return (kh - 1) * dy + 1, (kw - 1) * dx + 1

    @property
    def pads(self) -> bool:
        """Whether any output pixel may read outside the image."""
        return any(self.padding)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """``(Ho, Wo)`` for an input of ``height`` x ``width``; not positive if nothing fits."""
        top, bottom, left, right = self.padding
        rows, columns = self.span
        return (
            (height + top + bottom - rows) // self.stride[0] + 1,
            (width + left + right - columns) // self.stride[1] + 1,
        )
