"""The ``[zones]`` table: where the site is from stage 1k on."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from tenfold.spec.table import Table

LEAST: Final = 3
"""Of two zones that do not hear each other neither knows which of them is to go on."""
MOST: Final = 7
"""More members make etcd slower, and survive no more zones that are ever lost at once."""
ZoneName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$")]


class ZonesTable(Table):
    """Zones that fail apart from each other: data centres, or racks with power of their own."""

    names: tuple[ZoneName, ...] = Field(
        default=("a", "b", "c"),
        description="The zones. The first two have edge and app (hosts app1, app2), all have etcd.",
    )
    databases: Literal[2, 3] = Field(
        default=2,
        description="In how many of them the database is (hosts db1, db2, db3). Of two a commit "
        "waits for the other one; of three for whichever other is quicker.",
    )

    @field_validator("names", mode="after")
    @classmethod
    def _apart(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f'"{twice}" is named twice: zones that share a host are lost together, and count '
                "as one"
            )
        return names

    @model_validator(mode="after")
    def _odd(self) -> Self:
        count = len(self.names)
        if count < LEAST:
            raise ValueError(
                f"there are {count} zones: with fewer than {LEAST} nobody can tell a zone that is "
                "lost from one that is only not heard. A third may be small: it only has etcd"
            )
        if count > MOST:
            raise ValueError(f"there are {count} zones; {MOST} are the most")
        if count % 2 == 0:
            raise ValueError(
                f"there are {count} zones, and each has a member of etcd: an even number survives "
                f"the loss of no more than {count - 1} would, and may fall into two halves of "
                f"which neither goes on. Name {count - 1} or {count + 1}"
            )
        return self
