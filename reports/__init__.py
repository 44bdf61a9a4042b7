"""Reports: tables with honest statistics and plots, from what runs have written."""

from vot_memory.reports.report import Report, Wanted, write_report

__all__ = ["Report", "Wanted", "write_report"]
