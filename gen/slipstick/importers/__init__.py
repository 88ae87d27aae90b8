"""Checkpoints of the original repositories as networks of ours; nothing in them is executed."""

from slipstick.importers.checkpoint import Imported, import_into
from slipstick.importers.write import check_output, write_program
from slipstick.importers.zoo import SYSTEMS, import_checkpoint, read_into_zoo

__all__ = [
    "SYSTEMS",
    "Imported",
    "check_output",
    "import_checkpoint",
    "import_into",
    "read_into_zoo",
    "write_program",
]
