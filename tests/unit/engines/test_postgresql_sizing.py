from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.engines.postgresql.sizing import (
    GIB,
    KIB,
    MIB,
    connections,
    size_text,
    sizing,
    steady,
)

memories = st.integers(256 * MIB, 2048 * GIB)
cores = st.integers(1, 256)


@pytest.mark.parametrize(
    ("memory", "share", "shared_buffers"),
    [
        (512 * MIB, 0.5, "64MB"),
        (1 * GIB, 0.5, "128MB"),
        (16 * GIB, 0.5, "2GB"),
        (16 * GIB, 1.0, "4GB"),
        (512 * GIB, 1.0, "8GB"),
    ],
)
def test_a_quarter_of_the_share_is_for_shared_buffers(
    memory: int, share: float, shared_buffers: str
) -> None:
    assert size_text(sizing(memory, 2, share=share).shared_buffers_bytes) == shared_buffers


@given(memories, cores)
def test_fixed_memory_stays_within_the_share(memory: int, cores: int) -> None:
    sizes = sizing(memory, cores, share=0.5)
    autovacuum = 3 * sizes.maintenance_work_mem_bytes
    assert sizes.shared_buffers_bytes + autovacuum <= memory * 0.5
    assert sizes.shared_buffers_bytes <= sizes.effective_cache_size_bytes


@given(memories, memories, cores)
def test_more_memory_never_gives_less(one: int, other: int, cores: int) -> None:
    small, large = (sizing(memory, cores) for memory in sorted((one, other)))
    assert small.shared_buffers_bytes <= large.shared_buffers_bytes
    assert small.work_mem_bytes <= large.work_mem_bytes
    assert small.max_wal_size_bytes <= large.max_wal_size_bytes


@given(memories, cores)
def test_a_lost_follower_keeps_a_bounded_part_of_the_log(memory: int, cores: int) -> None:
    sizes = sizing(memory, cores)
    assert sizes.max_wal_size_bytes <= sizes.max_slot_wal_keep_size_bytes <= 16 * GIB


@given(st.integers(1, 256))
def test_a_deploy_finds_connections_for_old_and_new_workers(cores: int) -> None:
    workers = 2 * cores + 1
    assert connections(cores) >= min(500, 2 * workers * 15)
    assert 100 <= connections(cores) <= 500


@given(st.integers(1, 1 << 45))
def test_steady_rounds_down_by_less_than_a_quarter(size: int) -> None:
    assert steady(size) <= size < steady(size) * 1.25 + 1


def test_a_kernel_that_keeps_some_memory_for_itself_changes_nothing() -> None:
    assert sizing(16_384_000 * KIB, 4) == sizing(16_300_000 * KIB, 4)


@given(memories, cores)
def test_every_size_is_written_exactly(memory: int, cores: int) -> None:
    units = {"kB": KIB, "MB": MIB, "GB": GIB}
    for size in (sizing(memory, cores).shared_buffers_bytes, sizing(memory, cores).work_mem_bytes):
        text = size_text(size)
        assert int(text[:-2]) * units[text[-2:]] == size
