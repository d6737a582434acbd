"""Pieces of the [load] tables for the app with notes: what they have in common."""

from __future__ import annotations

LEDGER = """\
[load.ledger]
table = "notes"
column = "text"
match = "exact"
"""
USERS = f"""\
[load]
ramp = "2s"
arrivals = "poisson"
connections = "keep-alive"

{LEDGER}"""
WRITE = """\
method = "POST"
path = "/notes"
json = { text = "{id}" }
ledger = true
"""
