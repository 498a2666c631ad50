"""Programs whose figures are in docs: `python -m h2ot_edge.benchmarks.studies.NAME --help`."""
