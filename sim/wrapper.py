"""The Verilog around the network that probes its streams, and its geometry for C++."""

from dataclasses import dataclass
from importlib import resources

import jinja2

from slipstick.build_folder import Manifest, StreamRecord

MODULE = "slipstick_bench"

# Verilator holds ports of more than 64 bits as arrays of words: one C++ type for every stream.
SMALLEST_PORT = 96


def port_bits(bits: int) -> int:
    """Width of a bench's port that carries ``bits``: whole words, an array in C++."""
    return max(SMALLEST_PORT, -(-bits // 32) * 32)


def probed_streams(manifest: Manifest) -> tuple[StreamRecord, ...]:
    """What is compared: the stream of every stage, and last the one at the top's ports."""
    return (*manifest.streams, manifest.output)


@dataclass(frozen=True)
class Probe:
    """A stream as the templates see it: Verilog expressions and geometry."""

    payload: str
    valid: str
    ready: str
    width: int
    bits: int
    beats: int
    words: int
    lanes: int
    lane_width: int


def bench_verilog(manifest: Manifest) -> str:
    """The top module of a simulation."""
    return _render("bench.sv.j2", manifest)


def probes_header(manifest: Manifest) -> str:
    """The streams' geometry for ``harness/main.cpp``."""
    return _render("probes.h.j2", manifest)


def harness_source(name: str) -> str:
    """A file of ``harness/``."""
    return resources.files(__package__).joinpath("harness", name).read_text(encoding="utf-8")


def _render(template: str, manifest: Manifest) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    probes = _probes(manifest)
    return environment.from_string(harness_source(template)).render(
        top=manifest.top,
        input=manifest.input,
        output=manifest.output,
        input_bits=port_bits(manifest.input.payload_width),
        flag_bits=port_bits(len(probes)),
        probes=probes,
    )


def _probes(manifest: Manifest) -> list[Probe]:
    inside = [
        _probe(
            stream, *(f"dut.{stream.instance}.o__{end}" for end in ("payload", "valid", "ready"))
        )
        for stream in manifest.streams
    ]
    return [*inside, _probe(manifest.output, "data_out", "valid_out", "o_ready")]


def _probe(stream: StreamRecord, payload: str, valid: str, ready: str) -> Probe:
    return Probe(
        payload=payload,
        valid=valid,
        ready=ready,
        width=stream.payload_width,
        bits=port_bits(stream.payload_width),
        beats=stream.beats_per_frame,
        words=stream.words,
        lanes=stream.layout.lanes,
        lane_width=stream.width,
    )
