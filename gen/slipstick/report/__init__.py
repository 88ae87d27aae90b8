"""The report: one self-contained HTML page a build."""

from slipstick.report.page import report

__all__ = ["report"]
