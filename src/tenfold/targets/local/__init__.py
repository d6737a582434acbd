"""The local target: every host is a directory, an agent and a loopback address of its own."""

from tenfold.targets.local.client import LocalAgent
from tenfold.targets.local.target import LocalTarget

__all__ = ["LocalAgent", "LocalTarget"]
