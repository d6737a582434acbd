"""What every source can do, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

from tenfold.importing.batches import Block
from tenfold.importing.model import Contents, Copy, Tally

Tell = Callable[[str], None]


class Feed(Protocol):
    """One table's rows, on their way."""

    @property
    def copy(self) -> Copy:
        """What of the plan it is."""
        ...

    def blocks(self) -> Iterator[Block]:
        """The rows, as lines for COPY; memory is bounded. To be read to its end."""
        ...

    def tally(self) -> Tally:
        """What the rows amount to; asked for after they were read."""
        ...

    def where(self, row: int) -> str:
        """The row that was given as number ``row``, from 1, in words."""
        ...


class Source(Protocol):
    """Something that has tables; opened read-only, and seen as it was at one moment."""

    @property
    def name(self) -> str:
        """How it is called; without secrets."""
        ...

    def contents(self, tell: Tell) -> Contents:
        """What it has. ``tell`` is told what takes long."""
        ...

    def feeds(self, copies: Sequence[Copy]) -> Generator[Feed, None, None]:
        """Every table of the plan, in the source's own order; one may come in several parts."""
        ...

    def survey(self, copies: Sequence[Copy], tell: Tell) -> tuple[str, ...]:
        """Every value that would not fit, as a few lines; nothing where that cannot be known."""
        ...
