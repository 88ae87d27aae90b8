"""Exported programs from files, which are not trusted, and from modules."""

import copy
import json
import zipfile
from pathlib import Path

import slipstick.nn  # noqa: F401  registers the custom ops that a program may call
import torch

from slipstick.errors import SlipstickError

LARGEST_BYTES = 1 << 30
"""Uncompressed size of a file that is still read; no network for an FPGA comes near."""
RAW_WEIGHTS = ("weights", "constants")
EXPORT = "write it with torch.export.save(torch.export.export(model.eval(), (images,)), path)"


def load_program(path: Path) -> torch.export.ExportedProgram:
    """The exported program in the ``.pt2`` file ``path``.

    Nothing in the file is executed: weights that would need to be unpickled as arbitrary
    objects are refused. Raises `SlipstickError` for whatever is not a plain exported program.
    """
    thing = f"Model '{path}'"
    _check_archive(thing, path)
    try:
        return torch.export.load(path)
    except Exception as error:
        # torch.export raises errors of many kinds on a damaged archive.
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise SlipstickError(
            thing, f"is no readable exported program ({first[0][:200]})", EXPORT
        ) from error


def _check_archive(thing: str, path: Path) -> None:
    if not path.is_file():
        cause = "is a folder" if path.is_dir() else "does not exist"
        raise SlipstickError(thing, cause, "give the path of a .pt2 file")
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"PK" and not zipfile.is_zipfile(path):
        raise SlipstickError(thing, "is a truncated or damaged archive", "copy or export it again")
    if start[:2] != b"PK":
        kind = "a pickle" if start[:1] == b"\x80" else "not a zip archive"
        raise SlipstickError(thing, f"is {kind}, not an exported program", EXPORT)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(thing, archive)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise SlipstickError(
            thing, f"is a truncated or damaged archive ({error})", "copy or export it again"
        ) from error


def _check_members(thing: str, archive: zipfile.ZipFile) -> None:
    names = [member.filename for member in archive.infolist()]
    size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_BYTES:
        raise SlipstickError(
            thing, f"unpacks to {size >> 20} MiB", f"export a network below {LARGEST_BYTES >> 20} MiB"
        )
    damaged = archive.testzip()
    if damaged:
        raise SlipstickError(
            thing, f"is damaged at '{damaged}'", "copy or export it again"
        )
    if not any(name.endswith("models/model.json") for name in names):
        pickled = any(name.endswith("data.pkl") for name in names)
        cause = "is a pickled checkpoint" if pickled else "holds no exported program"
        raise SlipstickError(thing, cause, EXPORT)
    for name in names:
        if name.endswith("_config.json"):
            _check_payloads(thing, name, json.loads(archive.read(name)))


def _check_payloads(thing: str, name: str, document: dict[str, object]) -> None:
    """Refuses weights that are stored as pickled objects instead of raw numbers."""
    entries = document.get("config", {})
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict) and entry.get("use_pickle"):
            raise SlipstickError(
                thing,
                f"stores '{key}' as a pickled object ({name})",
                "export a network whose parameters are plain dense tensors",
            )


def export_module(
    module: torch.nn.Module, example_input: torch.Tensor
) -> torch.export.ExportedProgram:
    """``module``, in eval mode, exported for images like ``example_input``.

    The module itself stays as it is. Raises `SlipstickError` if torch cannot trace it.
    """
    thing = f"Model '{type(module).__name__}'"
    if not isinstance(example_input, torch.Tensor) or example_input.dim() not in (2, 4):
        raise SlipstickError(
            thing, "needs an example input of shape (N, C, H, W) or (N, F)", "pass such a tensor"
        )
    model = copy.deepcopy(module).eval()
    image = example_input.detach()
    if len(image) < 2:
        # A batch of one would be taken for a constant.
        image = torch.cat([image, image])
    try:
        with torch.no_grad():
            return torch.export.export(
                model, (image,), dynamic_shapes=({0: torch.export.Dim("batch")},)
            )
    except Exception:
        return _export_fixed(thing, model, example_input)


def _export_fixed(
    thing: str, model: torch.nn.Module, example_input: torch.Tensor
) -> torch.export.ExportedProgram:
    """Exported for just one size of batch, where the module's code asks for it."""
    try:
        with torch.no_grad():
            return torch.export.export(model, (example_input,))
    except Exception as error:
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise SlipstickError(
            thing,
            f"cannot be exported ({first[0][:200]})",
            "make its forward traceable by torch.export",
        ) from error
