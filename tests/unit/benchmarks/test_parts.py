from __future__ import annotations

from benchmarks.tenfold_site import parts_of

SAID = """\
notes · stage 10 · one host, everything on it
  no git: every file but the usual leftovers

  ✓ host vm1 is up                                          0.2 s
  ✓ vm1/postgres ready                                      0.8 s
  ✓ release 2b72fcd8 built                                  0.9 s
  ✓ database and roles ready                                0.1 s
  ✓ 2 workers of vm1/app warm and healthy with 2b72fcd8     1.0 s
  ✓ vm1/app serves 2b72fcd8                                 0.1 s
  ✓ vm1/edge ready                                          0.0 s

  http://127.0.0.1:18801            first answer 200 in 5 ms
"""


def test_every_step_that_up_prints_belongs_to_a_part() -> None:
    assert parts_of(SAID) == {
        "agent": 0.2,
        "postgres, with initdb when cold": 0.8,
        "release built": 0.9,
        "role and database": 0.1,
        "app": 1.1,
        "edge": 0.0,
    }
