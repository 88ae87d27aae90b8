"""From a build's manifest to what its system core is made for."""

from slipstick.build_folder import Manifest, StreamRecord
from slipstick.rtl_templates.system.parameters import SystemParameters, TensorFormat
from slipstick.streams import PAD


def system_parameters(manifest: Manifest, separate_clocks: bool = False) -> SystemParameters:
    """What the system core of the build that ``manifest`` describes is made for."""
    return SystemParameters(
        core=manifest.top,
        frame=_format(manifest.input),
        result=_format(manifest.output),
        stages=len(manifest.stages),
        interval=manifest.cycles_per_frame,
        graph_hash=manifest.graph_hash,
        separate_clocks=separate_clocks,
    )


def _format(stream: StreamRecord) -> TensorFormat:
    counts = tuple(sum(channel != PAD for channel in beat) for beat in stream.beats)
    if any(PAD in beat[:count] for beat, count in zip(stream.beats, counts, strict=True)):
        raise RuntimeError(f"Stream '{stream.tensor}' must have its pads behind its channels")
    return TensorFormat(
        elements=counts,
        lanes=stream.layout.lanes,
        width=stream.width,
        signed=stream.signed,
        element_bytes=stream.element_bytes,
        beats=stream.beats_per_frame,
    )
