"""Where sites are published to: one protocol for every kind of place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tenfold.publishing.model import Algorithm, Changes, Publication, Sent, Site, Standing


class Listener(Protocol):
    """Told how a publication goes."""

    def doing(self, text: str) -> None:
        """Something begins that may take a while."""

    def sent(self, files: int, of: int) -> None:
        """So many of so many files arrived."""


class Place(Protocol):
    """One place for one site.

    Everything that is done there is whole or not at all as far as the place can do it, and can be
    cut off at any moment: what was served before is then served still, or, in a bucket, what the
    decision 0024 says. Methods raise :class:`tenfold.errors.PublishError` when the place refuses
    or cannot be reached.
    """

    @property
    def where(self) -> str:
        """Where it is, for people; never with a secret."""

    @property
    def algorithm(self) -> Algorithm:
        """Which digests it names contents by."""

    @property
    def extra(self) -> Mapping[str, bytes]:
        """Files that it needs beside those of the folder."""

    def problem(self, path: str, size: int) -> str | None:
        """Why it cannot have this file; ``None`` if it can."""

    def look(self, listener: Listener) -> Standing:
        """What is served there now, and what can be put back."""

    def publish(
        self,
        site: Site,
        changes: Changes,
        standing: Standing,
        publication: Publication,
        listener: Listener,
    ) -> Sent:
        """Have it serve the site; ``changes`` lead there from what ``standing`` says.

        Raises:
            PublishError: somebody else changed it since ``standing`` was looked at, or it failed;
                says what is served then.
        """

    def back(self, to: Publication, standing: Standing, listener: Listener) -> None:
        """Have it serve an earlier publication, one of ``standing.kept``, again."""
