"""Streams of any length as rows of objects, sealed or not, and back."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from tenfold.backups import parts
from tenfold.backups.catalogue import Part
from tenfold.backups.faults import Fault
from tenfold.backups.parts import Parts, put_parts
from tenfold.backups.seal import Sealer, new_key
from tenfold.backups.store.directory import Directory

KEYS = [None, new_key()]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1 << 16)


@pytest.fixture
def place(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path))


def put(place: Directory, sealer: Sealer, content: bytes) -> tuple[Part, ...]:
    with sealer.sealing(io.BytesIO(content)) as sealed:
        return put_parts(place, "shop-1", lambda n: f"b.{n:05}", sealed, lambda _: None)


def back(place: Directory, sealer: Sealer, row: tuple[Part, ...], name: str) -> bytes:
    with Parts(place, "shop-1", row) as stream, sealer.opening(cast(BinaryIO, stream), name) as out:
        return out.read()


@pytest.mark.parametrize("key", KEYS, ids=["open", "encrypted"])
@pytest.mark.parametrize("size", [0, 1, 1 << 16, 700_001])
def test_what_goes_in_comes_back(place: Directory, key: str | None, size: int) -> None:
    sealer, content = Sealer(key), os.urandom(size)
    row = put(place, sealer, content)
    assert sum(p.size for p in row) == sum(e.size for e in place.list(""))
    assert all(p.size <= 1 << 16 for p in row)
    assert back(place, sealer, row, f"b{sealer.suffix}") == content


@pytest.mark.parametrize("key", KEYS, ids=["open", "encrypted"])
def test_the_damaged_part_is_named(place: Directory, key: str | None) -> None:
    sealer = Sealer(key)
    row = put(place, sealer, os.urandom(300_000))
    damaged = f"shop-1/{row[2].name}"
    place.put(damaged, place.get(damaged)[:-1], replace=True)
    with pytest.raises(Fault, match=r"b\.00002 .* is not what was put there"):
        back(place, sealer, row, f"b{sealer.suffix}")


def test_a_missing_part_is_named(place: Directory) -> None:
    row = put(place, Sealer(), os.urandom(300_000))
    place.delete([f"shop-1/{row[1].name}"])
    with pytest.raises(Fault, match=r"b\.00001") as fault:
        back(place, Sealer(), row, "b.zst")
    assert fault.value.kind == "missing"


def test_another_key_does_not_open_it(place: Directory) -> None:
    row = put(place, Sealer(new_key()), os.urandom(300_000))
    with pytest.raises(Fault, match="another key"):
        back(place, Sealer(new_key()), row, "b.zst.age")
