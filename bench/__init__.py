"""Benchmarks: ratios in one run against the bare engine. `python -m bench NAME`; see README.md."""
