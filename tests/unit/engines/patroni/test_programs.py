"""What a unit in Patroni's care is run from: its server's program, and Patroni's version."""

from __future__ import annotations

import re
from pathlib import Path

from tests.golden.patroni.test_golden import given

from tenfold.engines.patroni import Patroni, require_patroni
from tenfold.engines.patroni.binaries import programs


def test_the_servers_program_and_patroni_count_beside_the_leash_that_is_executed() -> None:
    launch = Patroni().launch(*given("two-members"))
    assert launch.argv[0] == "/opt/bin/python"
    assert launch.programs == ("/opt/bin/postgres", "/opt/bin/patroni")
    assert launch.lasts


def test_patroni_is_known_by_the_file_that_says_its_version() -> None:
    (file,) = programs().values()
    found = re.search(r"__version__ = '(.+)'", Path(file).read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == require_patroni()
