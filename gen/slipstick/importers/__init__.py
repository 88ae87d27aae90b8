"""Checkpoints of the original repositories as networks of ours; nothing in them is executed."""

from slipstick.importers.checkpoint import Imported, import_into
from slipstick.importers.write import check_output, write_program

__all__ = ["Imported", "check_output", "import_into", "write_program"]
