"""Background workers: any long-running command of the release; what is known of its kind helps."""

from tenfold.engines.worker.render import Worker

__all__ = ["Worker"]
