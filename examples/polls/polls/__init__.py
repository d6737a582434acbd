"""Polls: questions with pictures, one vote each."""

__version__ = "1.0.0"
