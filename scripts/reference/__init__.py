"""The API reference in docs/api/, from the docstrings; `scripts/api_docs` runs it."""
