"""Integer graphs drawn by hypothesis: every kind of node, odd shapes, branches, signed inputs."""

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from slipstick.graph import (
    Add,
    Affine,
    Argmax,
    Concat,
    Flatten,
    Gate,
    Graph,
    Input,
    L1Matmul,
    Move,
    Node,
    Pool,
    ShiftMatmul,
    Window,
)
from slipstick.graph.infer import infer

SAME = Window((3, 3), (1, 1), (1, 1, 1, 1))


def windows(height: int, width: int, kind: str = "any") -> st.SearchStrategy[Window]:
    """Windows that fit an image; ``kind`` "max" has no padding, whose value max would ignore."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    pads = st.just((0, 0, 0, 0)) if kind == "max" else st.tuples(*[st.integers(0, 2)] * 4)
    drawn = st.builds(Window, pair, pair, pads, st.tuples(st.integers(1, 2), st.integers(1, 2)))
    return drawn.filter(lambda window: min(window.output_size(height, width)) >= 1)


@dataclass
class Builder:
    """Adds nodes at the end of a growing graph; arrays come from a seeded generator."""

    draw: st.DrawFn
    random: np.random.Generator
    nodes: list[Node] = field(default_factory=list)
    tensors: dict = field(default_factory=dict)

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        self.tensors[node.name] = infer(node, *(self.tensors[name] for name in node.inputs))
        return node.name

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.nodes)}"

    def input(self, largest: int) -> str:
        draw = self.draw
        shape = (
            draw(st.integers(1, 6)),
            draw(st.integers(1, largest)),
            draw(st.integers(1, largest)),
        )
        width, is_signed = draw(st.integers(2, 16)), draw(st.booleans())
        lo = -(1 << (width - 1)) if is_signed else 0
        return self.add(Input("input", (), shape, 4, lo, lo + (1 << width) - 1))

    def affine(self, source: str) -> str:
        tensor, draw = self.tensors[source], self.draw
        channels, terms = tensor.shape[0], draw(st.integers(1, 3))
        width, is_signed = draw(st.integers(2, 16)), draw(st.booleans())
        lo = -(1 << (width - 1)) if is_signed else 0
        shift = max(0, tensor.width + 3 - width)
        return self.add(
            Affine(
                f"{source}.affine",
                (source,),
                exponent=self.random.integers(0, 4, (terms, channels)),
                sign=self.random.integers(-1, 2, (terms, channels)),
                bias=self.random.integers(-(1 << shift), (1 << shift) + 1, channels),
                shift=shift,
                lo=lo,
                hi=lo + (1 << width) - 1,
                frac=3,
                rounding=draw(st.sampled_from(["half_up", "floor", "half_even"])),
            )
        )

    def matmul(self, source: str, outputs: int | None = None, window: Window | None = None) -> str:
        tensor, draw = self.tensors[source], self.draw
        channels, height, width = tensor.shape
        divisors = [n for n in range(1, channels + 1) if channels % n == 0]
        groups = 1 if outputs else draw(st.sampled_from(divisors))
        outputs = outputs or groups * draw(st.integers(1, 3))
        window = window or draw(windows(height, width))
        shape = (outputs, channels // groups, *window.kernel)
        bias = self.random.integers(-50, 50, outputs)
        lo, hi = min(0, int(tensor.lo.min())), max(0, int(tensor.hi.max()))
        if draw(st.booleans()) and tensor.width <= 16:
            # Some weights lie outside the input's interval, as trained ones do.
            reach = max(1, (hi - lo) // 8)
            weight = self.random.integers(lo - reach, hi + reach, shape)
            node: Node = L1Matmul(self.name("l1_"), (source,), weight, bias, window, groups)
        else:
            shape = (draw(st.integers(1, 3)), *shape)
            # Negative exponents cut bits off, as DeepShift's own kernels do.
            lowest = draw(st.sampled_from([0, 0, -3, -9]))
            exponent = self.random.integers(lowest, draw(st.integers(1, 6)), shape)
            sign = self.random.integers(-1, 2, shape)
            # Whole inputs, outputs and taps without a weight, as pruning leaves them.
            for axis in draw(st.sets(st.integers(1, 4), max_size=2)):
                sign *= np.moveaxis(self.random.integers(0, 2, (shape[axis], 1, 1, 1, 1)), 0, axis)
            name = self.name("shift_")
            node = ShiftMatmul(name, (source,), exponent, sign, 4, bias, window, groups)
        made = self.add(node)
        return self.affine(made) if draw(st.booleans()) or self.tensors[made].width > 24 else made

    def pool(self, source: str) -> str:
        kind = self.draw(st.sampled_from(["max", "sum"]))
        window = self.draw(windows(*self.tensors[source].shape[1:], kind))
        return self.add(Pool(self.name("pool_"), (source,), kind, window))

    def move(self, source: str) -> str:
        """Channels rotated, picked or in place, each shifted; often read by a 1x1 layer."""
        tensor, draw = self.tensors[source], self.draw
        channels = tensor.shape[0]
        kind = draw(st.sampled_from(["in place", "rotated", "picked"]))
        channel = np.arange(channels)
        if kind == "rotated":
            channel = np.roll(channel, draw(st.integers(1, channels)))
        elif kind == "picked":
            # -1 is a channel of nothing.
            channel = self.random.integers(-1, channels, draw(st.integers(1, channels + 1)))
        reach = draw(st.integers(0, 3))
        dy, dx = self.random.integers(-reach, reach + 1, (2, len(channel)))
        boundary = draw(st.sampled_from(["zero", "address"]))
        made = self.add(Move(self.name("move_"), (source,), channel, dy, dx, boundary))
        if draw(st.booleans()):
            return made
        stride = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
        return self.matmul(made, window=Window(stride=stride))

    def branches(self, source: str, outputs: tuple[int, int]) -> tuple[tuple[str, str], tuple]:
        """Two branches that start at ``source``, and the shifts to one grid."""
        a = self.matmul(source, outputs[0], SAME)
        identity = outputs[1] == self.tensors[source].shape[0] and self.draw(st.booleans())
        b = source if identity else self.matmul(source, outputs[1], Window())
        fracs = [self.tensors[name].frac for name in (a, b)]
        return (a, b), tuple(max(fracs) - frac for frac in fracs)

    def residual(self, source: str) -> str:
        channels = self.tensors[source].shape[0]
        names, shifts = self.branches(source, (channels, channels))
        return self.affine(self.add(Add(self.name("add_"), names, shifts)))

    def concat(self, source: str) -> str:
        channels = self.tensors[source].shape[0]
        names, shifts = self.branches(source, (self.draw(st.integers(1, 5)), channels))
        made = self.add(Concat(self.name("concat_"), names, shifts))
        return self.affine(made) if self.tensors[made].width > 12 else made

    def gated(self, source: str) -> str:
        """Each channel shifted by what a vector says that was made of the whole image."""
        channels, height, width = self.tensors[source].shape
        whole = Window((height, width), (height, width))
        pooled = self.add(Pool(self.name("mean_"), (source,), "sum", whole))
        if self.draw(st.booleans()):
            pooled = self.matmul(self.affine(pooled), self.draw(st.integers(1, 4)), Window())
        logits = self.matmul(self.affine(pooled), channels, Window())
        lo, hi = int(self.tensors[logits].lo.min()), int(self.tensors[logits].hi.max())
        drawn = self.random.integers(lo - 1, hi + 3, self.draw(st.integers(1, 7)))
        made = self.add(Gate(self.name("gate_"), (source, logits), np.sort(drawn)[::-1].copy()))
        return (
            self.affine(made) if self.draw(st.booleans()) or self.tensors[made].width > 12 else made
        )


@st.composite
def graphs(draw: st.DrawFn, layers: int = 3, largest: int = 7) -> Graph:
    """A network of up to ``layers`` layers or blocks and perhaps a classifier."""
    builder = Builder(draw, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    current = builder.input(largest)
    steps = [
        *(builder.matmul, builder.pool, builder.move),
        *(builder.residual, builder.concat, builder.gated),
    ]
    for step in draw(st.lists(st.sampled_from(steps), min_size=1, max_size=layers)):
        current = step(current)
    if draw(st.booleans()):
        current = builder.add(Flatten(builder.name("flatten"), (current,)))
        current = builder.matmul(current, draw(st.integers(1, 10)), Window())
    if draw(st.booleans()):
        current = builder.add(Argmax(builder.name("argmax"), (current,)))
    return Graph(tuple(builder.nodes), current)


def frames_for(graph: Graph, count: int, seed: int) -> np.ndarray:
    """Random frames over the whole interval of the graph's input, its ends included."""
    tensor = graph.tensors[graph.input.name]
    lo, hi = int(tensor.lo.min()), int(tensor.hi.max())
    frames = np.random.default_rng(seed).integers(lo, hi + 1, (count, *tensor.shape))
    frames[0] = hi
    return frames


def renamed(graph: Graph, names: dict[str, str]) -> Graph:
    """``graph`` with other names of nodes."""
    nodes = tuple(
        replace(
            node,
            name=names.get(node.name, node.name),
            inputs=tuple(names.get(name, name) for name in node.inputs),
        )
        for node in graph.nodes
    )
    return Graph(nodes, names.get(graph.output, graph.output))
