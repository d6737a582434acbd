"""Believable content for a demonstration: ``python -m conduit.seed``."""
