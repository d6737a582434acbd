"""Tenfold beside the same processes started and tuned by hand; ``python -m benchmarks --help``."""
