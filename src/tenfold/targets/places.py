"""Names of hosts and the places that they live in, where the two differ.

A host that was ``vm1`` and is to be called ``app1`` does not move: only its name changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.errors import TargetError


class Places:
    """``name -> place``; every other host lives in a place of its own name.

    Raises:
        ValueError: two names for one place.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._names = {place: name for name, place in places.items()}
        if len(self._names) != len(self._places):
            raise ValueError(f"two hosts live in one place: {self._places}")

    def of(self, name: str) -> str | None:
        """Where the host of this name lives, or would live; ``None`` if another one lives there."""
        if name in self._places:
            return self._places[name]
        return None if name in self._names else name

    def require(self, name: str) -> str:
        """Where the host of this name lives, or would live.

        Raises:
            TargetError: another host lives in the place of that name.
        """
        place = self.of(name)
        if place is None:
            raise TargetError(f"there is no place for a host {name}: {self._names[name]} is there")
        return place

    def name_of(self, place: str) -> str | None:
        """The host that lives there; ``None`` for one that no name leads to."""
        name = self._names.get(place, place)
        return name if self.of(name) == place else None
