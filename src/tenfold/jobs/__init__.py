"""Scheduled jobs: when one is due, what became of its runs, and the process that keeps both."""
