"""Conduit: a place to share what you know, as an API and as pages."""

__version__ = "1.0.0"
