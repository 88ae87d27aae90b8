"""The report: one self-contained HTML page a build, and its figures for machines."""

from slipstick.report.estimated import compared
from slipstick.report.page import report

__all__ = ["compared", "report"]
