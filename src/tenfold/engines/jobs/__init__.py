"""The scheduled jobs: Tenfold's own scheduler, which runs commands of the release."""

from tenfold.engines.jobs.render import Jobs

__all__ = ["Jobs"]
