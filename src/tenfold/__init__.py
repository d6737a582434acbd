"""Tenfold: grow a Python web app tenfold, six times over, without stopping it."""

__version__ = "0.1.0"
