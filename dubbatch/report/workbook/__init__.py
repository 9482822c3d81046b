"""The report as a workbook: a summary, the jobs with filters and links, and what is wrong by cause.

``writer`` makes it; ``summary``, ``jobs`` and ``problems`` are its sheets; ``cells`` and ``links`` keep
what comes from outside harmless, ``looks`` has the colours. XlsxWriter loads when a workbook is written.
"""

from __future__ import annotations

from dubbatch.report.workbook.writer import write_workbook

__all__ = ["write_workbook"]
