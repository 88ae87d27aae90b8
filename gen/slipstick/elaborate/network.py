"""The whole circuit: stages, and on every edge a fork, a FIFO and a regrouping where needed."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.elaborate.stage import component
from slipstick.fold import Plan, Stage
from slipstick.graph import Flatten, Graph
from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork
from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker
from slipstick.rtl_templates.regroup import Regroup
from slipstick.streams import Layout


class Network(wiring.Component):
    """The circuit of an integer graph.

    Members
    -------
    i_data, i_last, i_valid, i_ready : frames in; ``i_last`` marks a frame's last beat.
    o_data, o_last, o_valid, o_ready : results out.
    error_short, error_long : an input frame ended too early or too late; until reset.
    stage_valid, stage_ready : of the streams that leave the stages, bit ``k`` that of stage ``k``.
    stage_saturated : a stage made a beat in which a channel is cut off.
    """

    def __init__(self, graph: Graph, plan: Plan) -> None:
        self._graph, self._plan = graph, plan
        super().__init__(
            {
                "i_data": In(self._bits(graph.input.name)),
                "i_last": In(1),
                "i_valid": In(1),
                "i_ready": Out(1),
                "o_data": Out(self._bits(graph.output)),
                "o_last": Out(1),
                "o_valid": Out(1),
                "o_ready": In(1),
                "error_short": Out(1),
                "error_long": Out(1),
                "stage_valid": Out(len(plan.stages)),
                "stage_ready": Out(len(plan.stages)),
                "stage_saturated": Out(len(plan.stages)),
            }
        )

    def _bits(self, tensor: str) -> int:
        return self._plan.layouts[tensor].lanes * self._graph.tensors[tensor].width

    def _beats(self, tensor: str) -> int:
        return self._plan.layouts[tensor].frame_beats(self._graph.tensors[tensor].shape)

    def _carrier(self, tensor: str) -> str:
        """The tensor whose stream also is that of ``tensor``: a flatten renames its input."""
        node = self._graph[tensor]
        return self._carrier(node.inputs[0]) if isinstance(node, Flatten) else tensor

    def elaborate(self, platform: object) -> Module:
        m = Module()
        streams = {self._graph.input.name: self._enter(m)}
        components = {}
        for stage in self._plan.stages:
            part = component(stage.nodes.node, stage, self._graph)
            m.submodules[stage.nodes.instance] = components[stage.nodes.instance] = part
            streams[stage.nodes.output] = part.o
        self._watch(m, list(components.values()))
        taps = self._taps(m, streams)
        for stage in self._plan.stages:
            part = components[stage.nodes.instance]
            for index, tensor in enumerate(stage.nodes.inputs):
                port = part.i if len(stage.nodes.inputs) == 1 else getattr(part, f"i{index}")
                source = taps[self._carrier(tensor)].pop(0)
                wiring.connect(m, self._edge(m, stage, index, tensor, source), port)
        self._leave(m, taps[self._carrier(self._graph.output)].pop(0))
        return m

    def _enter(self, m: Module) -> wiring.PureInterface:
        name = self._graph.input.name
        m.submodules.frame_guard__ = guard = FrameGuard(self._bits(name), self._beats(name))
        m.d.comb += [
            guard.i.payload.data.eq(self.i_data),
            guard.i.payload.last.eq(self.i_last),
            guard.i.valid.eq(self.i_valid),
            self.i_ready.eq(guard.i.ready),
            self.error_short.eq(guard.error_short),
            self.error_long.eq(guard.error_long),
        ]
        return guard.o

    def _leave(self, m: Module, source: wiring.PureInterface) -> None:
        name = self._graph.output
        m.submodules.frame_marker__ = marker = FrameMarker(self._bits(name), self._beats(name))
        wiring.connect(m, source, marker.i)
        m.d.comb += [
            self.o_data.eq(marker.o.payload.data),
            self.o_last.eq(marker.o.payload.last),
            self.o_valid.eq(marker.o.valid),
            marker.o.ready.eq(self.o_ready),
        ]

    def _watch(self, m: Module, components: list[wiring.Component]) -> None:
        for index, part in enumerate(components):
            m.d.comb += [
                self.stage_valid[index].eq(part.o.valid),
                self.stage_ready[index].eq(part.o.ready),
            ]
            # Stages that only choose among values cut nothing off.
            if "saturated" in part.signature.members:
                m.d.comb += self.stage_saturated[index].eq(part.saturated)

    def _taps(
        self, m: Module, streams: dict[str, wiring.PureInterface]
    ) -> dict[str, list[wiring.PureInterface]]:
        """For each stream one copy a reader, in the order of the stages, the output last."""
        readers = dict.fromkeys(streams, 0)
        for stage in self._plan.stages:
            for tensor in stage.nodes.inputs:
                readers[self._carrier(tensor)] += 1
        readers[self._carrier(self._graph.output)] += 1
        taps = {}
        names = {stage.nodes.output: stage.nodes.instance for stage in self._plan.stages}
        for tensor, stream in streams.items():
            if readers[tensor] == 1:
                taps[tensor] = [stream]
                continue
            fork = Fork(self._bits(tensor), readers[tensor])
            m.submodules[f"{names.get(tensor, 'input')}__fork"] = fork
            wiring.connect(m, stream, fork.i)
            taps[tensor] = [getattr(fork, f"o{index}") for index in range(readers[tensor])]
        return taps

    def _edge(
        self, m: Module, stage: Stage, index: int, tensor: str, source: wiring.PureInterface
    ) -> wiring.PureInterface:
        """What carries ``source`` to input ``index`` of ``stage``."""
        prefix, suffix = stage.nodes.instance, f"{index}" if len(stage.nodes.inputs) > 1 else ""
        given: Layout = self._plan.layouts[tensor]
        wanted = stage.input_layouts[index]
        width = self._graph.tensors[tensor].width
        if given != wanted:
            regroup = Regroup(given, wanted, width)
            m.submodules[f"{prefix}__regroup{suffix}"] = regroup
            wiring.connect(m, source, regroup.i)
            source = regroup.o
        if stage.fifos[index]:
            fifo = Fifo(wanted.lanes * width, stage.fifos[index])
            m.submodules[f"{prefix}__fifo{suffix}"] = fifo
            wiring.connect(m, source, fifo.i)
            source = fifo.o
        return source
