"""Shows of a plan that its beats can never stand still, at whatever pace frames come and go.

A component moves a beat when the beats that it needs have come and there is room behind it. Each
beat has one producer and one consumer, nothing looks at the clock, and what can move goes on being
able to until it moves. Moves in another order therefore take the circuit no less far: if it gets
stuck in one order, it does in all, and in one of its own choice it can be tried without a clock.

So the beats are moved here as far as they go, with frames without end at the input and no
hindrance at the output, until the first frame is out. That is enough for all frames: no window,
beat or turn goes beyond its frame, so that the first one also comes out alone and leaves the
circuit as it was.

What components store beside rings and FIFOs (results, registers, both halves of a sum) is left
out. Less room never helps, so the real circuit gets at least as far.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from itertools import accumulate
from typing import TYPE_CHECKING

from slipstick.fold.entrance import carrier
from slipstick.graph import Add, Affine, Argmax, Concat, Gate, Graph, Node
from slipstick.rtl_templates.gate import BANKS
from slipstick.streams import Layout, common_run

if TYPE_CHECKING:
    from slipstick.fold.plan import Stage

ENDLESS = 1 << 62
"""Beats of frames without end."""


def check_flow(graph: Graph, stages: "Sequence[Stage]", layouts: Mapping[str, Layout]) -> None:
    """Raises `RuntimeError` if a FIFO of ``stages`` is so small that the circuit could stand still.

    Where no branches meet nothing waits for anything but what it reads, and nothing is checked.
    """
    if all(len(stage.nodes.inputs) == 1 for stage in stages):
        return
    circuit = _Circuit(graph, stages, layouts)
    output = carrier(graph, graph.output)
    wanted = layouts[output].frame_beats(graph.tensors[output].shape)
    while circuit.passed[output] < wanted:
        if not circuit.moves():
            depths = {s.nodes.instance: s.fifos for s in stages if any(s.fifos)}
            raise RuntimeError(f"FIFOs must be deeper than {depths}: the circuit stands still")


class _Circuit:
    """The stages, and how many beats of each stream have passed to all its readers."""

    def __init__(
        self, graph: Graph, stages: "Sequence[Stage]", layouts: Mapping[str, Layout]
    ) -> None:
        self.passed = {graph.input.name: 0, **{stage.nodes.output: 0 for stage in stages}}
        self._edges: dict[str, list[_Edge]] = {name: [] for name in self.passed}
        self._makers: dict[str, _Component] = {}
        for stage in stages:
            name = stage.nodes.output
            part = component_of(stage.nodes.node, stage, self._room_behind(name))
            self._makers[name] = part
            for index, tensor in enumerate(stage.nodes.inputs):
                edge = _Edge(layouts[tensor], stage.input_layouts[index], part, index)
                self._edges[carrier(graph, tensor)].append(edge)

    def moves(self) -> bool:
        """Moves what can be moved; whether anything did."""
        moved = [self._move(name) for name in self.passed]
        return any(moved)

    def _move(self, name: str) -> bool:
        maker, edges = self._makers.get(name), self._edges[name]
        made = maker.made() if maker else ENDLESS
        passed = min([made, *(edge.limit() for edge in edges)])
        # A fork hands a beat to each reader in its own time, the next one when all have it.
        taken = [edge.take(min(made, passed + 1)) for edge in edges]
        moved = passed > self.passed[name]
        self.passed[name] = passed
        if maker:
            maker.gone = passed
        return moved or any(taken)

    def _room_behind(self, name: str) -> Callable[[], int]:
        return lambda: min((edge.limit() for edge in self._edges[name]), default=ENDLESS)


class _Component(ABC):
    """A stage: ``come`` are the beats that have come in at each input, ``gone`` those out."""

    def __init__(self, stage: "Stage", room_behind: Callable[[], int]) -> None:
        self.stage, self.room_behind = stage, room_behind
        self.come = [0] * len(stage.nodes.inputs)
        self.gone = 0

    @abstractmethod
    def limit(self, index: int) -> int:
        """Beats that input ``index`` may have taken, from the start."""

    @abstractmethod
    def made(self) -> int:
        """Beats that can be made of those that have come, from the start."""


class _Engine(_Component):
    """Stores rows in its ring; makes an output row when the rows it needs have come."""

    def __init__(self, stage: "Stage", room_behind: Callable[[], int]) -> None:
        super().__init__(stage, room_behind)
        walk = stage.walk
        assert walk is not None
        self._walk, self._line = walk, walk.width * walk.words
        self._row = walk.output_size[1] * walk.beats
        self._released = [0, *accumulate(released for _, released in walk.row_program)]
        needs = zip(walk.row_program, self._released, strict=False)
        self._needed = [before + present for (present, _), before in needs]

    def limit(self, index: int) -> int:
        frame, row = divmod(self.gone // self._row, len(self._needed))
        released = frame * self._walk.height + self._released[row]
        return (released + self._walk.ring_rows) * self._line

    def made(self) -> int:
        frame, present = divmod(self.come[0] // self._line, self._walk.height)
        return (frame * len(self._needed) + bisect_right(self._needed, present)) * self._row


class _Passing(_Component):
    """Stores nothing: takes what those behind it take."""

    def __init__(self, stage: "Stage", room_behind: Callable[[], int]) -> None:
        super().__init__(stage, room_behind)
        self._beats = len(stage.input_layouts[0].beats) // len(stage.output_layout.beats)

    def limit(self, index: int) -> int:
        return self.room_behind() * self._beats

    def made(self) -> int:
        return self.come[0] // self._beats


class _Joining(_Component):
    """A beat of each branch makes one; what has come waits in FIFOs."""

    def limit(self, index: int) -> int:
        return self.gone + self.stage.fifos[index]

    def made(self) -> int:
        return min(self.come)


class _Concatenating(_Component):
    """For each pixel the beats of the branches one after another."""

    def __init__(self, stage: "Stage", room_behind: Callable[[], int]) -> None:
        super().__init__(stage, room_behind)
        self._beats = [len(layout.beats) for layout in stage.input_layouts]

    def limit(self, index: int) -> int:
        pixels, rest = divmod(self.gone, sum(self._beats))
        rest -= sum(self._beats[:index])
        used = pixels * self._beats[index] + min(max(rest, 0), self._beats[index])
        return used + self.stage.fifos[index]

    def made(self) -> int:
        pixels = min(c // beats for c, beats in zip(self.come, self._beats, strict=True))
        made = pixels * sum(self._beats)
        for come, beats in zip(self.come, self._beats, strict=True):
            more = min(come - pixels * beats, beats)
            made += more
            if more < beats:
                break
        return made


class _Gating(_Component):
    """Passes an image whose frame's logits are stored; stores those of `BANKS` frames."""

    def __init__(self, stage: "Stage", frame: int) -> None:
        super().__init__(stage, lambda: ENDLESS)
        self._frame, self._logits = frame, len(stage.input_layouts[1].beats)

    def limit(self, index: int) -> int:
        if index == 0:
            return self.gone + self.stage.fifos[0]
        return self._stored() + self.stage.fifos[1]

    def made(self) -> int:
        return min(self.come[0], self._stored() // self._logits * self._frame)

    def _stored(self) -> int:
        banks = self.gone // self._frame + BANKS
        return min(self.come[1], banks * self._logits)


@singledispatch
def component_of(node: Node, stage: "Stage", room_behind: Callable[[], int]) -> _Component:
    """What ``stage``, whose node is ``node``, does with beats."""
    return _Engine(stage, room_behind)


@component_of.register(Affine)
@component_of.register(Argmax)
def _(node: Node, stage: "Stage", room_behind: Callable[[], int]) -> _Component:
    return _Passing(stage, room_behind)


@component_of.register(Add)
def _(node: Node, stage: "Stage", room_behind: Callable[[], int]) -> _Component:
    return _Joining(stage, room_behind)


@component_of.register(Concat)
def _(node: Node, stage: "Stage", room_behind: Callable[[], int]) -> _Component:
    return _Concatenating(stage, room_behind)


@component_of.register(Gate)
def _(node: Node, stage: "Stage", room_behind: Callable[[], int]) -> _Component:
    return _Gating(stage, stage.cycles)


class _Edge:
    """From a stream to an input of a stage, with its regrouping."""

    def __init__(self, given: Layout, taken: Layout, reader: _Component, index: int) -> None:
        self._reader, self._index = reader, index
        self._took = 0
        run = common_run(given, taken)
        cuts = [[len(runs) for runs in layout.runs(run)] for layout in (given, taken)]
        # Runs of a pixel that have passed when so many of its beats have.
        self._given, self._taken = ([0, *accumulate(counts)] for counts in cuts)

    def limit(self) -> int:
        """Beats of the stream that may have been taken, from the start."""
        pixels, rest = divmod(self._reader.limit(self._index), len(self._taken) - 1)
        # A regrouping keeps all runs of a beat but the last.
        kept = self._taken[rest + 1] - 1
        return pixels * (len(self._given) - 1) + bisect_right(self._given, kept) - 1

    def take(self, beats: int) -> bool:
        """Takes of the stream's beats up to number ``beats`` what there is room for.

        A regrouping passes beats on before it has let go of the one that they are made of. Says
        whether any were passed, or any taken.
        """
        pixels, rest = divmod(beats, len(self._given) - 1)
        whole = pixels * (len(self._taken) - 1) + bisect_right(self._taken, self._given[rest]) - 1
        come = min(whole, self._reader.limit(self._index))
        took = min(beats, self.limit())
        moved = (took, come) != (self._took, self._reader.come[self._index])
        self._took, self._reader.come[self._index] = took, come
        return moved
