"""Keeps the site's certificate: orders it from an authority (ACME, RFC 8555), renews it in time.

A process of its own on the host of the edge, supervised like any unit. It may do three things: talk
to the authority, write challenges that the edge shows, and replace the one file that the edge reads
for each handshake. It can neither reload nor stop anything.
"""
