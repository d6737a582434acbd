"""Gathers the site's figures, keeps a short history of them, and serves them to Prometheus.

A unit of its own beside the app (engine ``metrics``): it asks the agents of all hosts, PostgreSQL
and Redis, and reads what the edge writes. It changes nothing, and nobody waits for it.
"""
