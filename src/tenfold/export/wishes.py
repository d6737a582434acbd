"""What shall be exported. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What ``[static]`` says: ``pages`` are paths, or patterns with a ``*``."""

    pages: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    follow: bool = False
    sitemap: str | None = None
    most_pages: int = 50_000

    @property
    def named(self) -> tuple[str, ...]:
        """The paths among them."""
        return tuple(page for page in self.pages if "*" not in page)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns among them."""
        return tuple(page for page in self.pages if "*" in page)
