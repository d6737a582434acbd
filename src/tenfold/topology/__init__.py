"""Frozen values: what shall be (topology), how a unit runs (process), what is (observation)."""
