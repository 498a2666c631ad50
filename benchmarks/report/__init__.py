"""Results of `h2ot-bench` as a page: HTML that needs no network, Markdown, and PNGs."""

from h2ot_edge.benchmarks.report.page import write_report

__all__ = ["write_report"]
