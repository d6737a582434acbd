"""Names of the log's parts and of the objects that hold them."""

from __future__ import annotations

import pytest

from tenfold.backups import names

MIB = 1 << 20


@pytest.mark.parametrize(
    ("name", "is_wal"),
    [
        ("00000001000000A000000003", True),
        ("00000001000000A000000003.partial", True),
        ("00000001000000A000000003.00000028.backup", True),
        ("00000002.history", True),
        ("00000001000000a000000003", False),
        ("../../etc/passwd", False),
        ("00000001000000A000000003/../x", False),
        ("", False),
    ],
)
def test_only_what_postgresql_archives_is_archived(name: str, is_wal: bool) -> None:
    assert names.is_wal(name) is is_wal


@pytest.mark.parametrize(
    "name", ["00000001000000A000000003", "00000002.history", "00000001000000A000000003.partial"]
)
@pytest.mark.parametrize("suffix", [".zst", ".zst.age"])
def test_an_object_tells_what_it_holds(name: str, suffix: str) -> None:
    assert names.wal_name(names.wal_object(name, suffix)) == name


@pytest.mark.parametrize("size", [MIB, 4 * MIB, 16 * MIB, 64 * MIB])
@pytest.mark.parametrize("position", [0, 1, 4 * MIB - 1, 4 * MIB, (7 << 32) + 5, (1 << 40) + 12345])
def test_a_segment_ends_where_the_next_one_begins(size: int, position: int) -> None:
    segment = names.segment_at(3, position, size)
    end = names.end_of(segment, size)
    assert end - size <= position < end
    assert names.end_of(names.segment_at(3, end, size), size) == end + size


@pytest.mark.parametrize(
    ("position", "end"),
    [(8 * MIB, 8 * MIB), (8 * MIB + 40, 8 * MIB), (8 * MIB + 41, 8 * MIB + 41), (0, 0)],
)
def test_a_segment_with_nothing_but_its_head_is_none_yet(position: int, end: int) -> None:
    assert names.content_end(position, 4 * MIB) == end


def test_segments_are_named_as_postgresql_names_them() -> None:
    # SELECT pg_walfile_name('2/3456789A') with segments of 4 MiB, on timeline 1
    assert names.segment_at(1, 0x2_3456_789A, 4 * MIB) == "0000000100000002000000D1"


def test_older_looks_at_the_place_in_the_log_and_never_at_histories() -> None:
    than = "000000030000000000000010"
    assert names.older("000000010000000000000009", than)
    assert names.older("00000005000000000000000F.partial", than)
    assert not names.older("000000030000000000000010", than)
    assert not names.older("000000010000000100000000", than)
    assert not names.older("00000002.history", than)


def test_each_environment_has_an_archive_of_its_own() -> None:
    assert names.owner("shop", None) == "shop"
    assert names.owner("shop", "staging") == "shop-staging"
