"""What goes wrong in the middle of a move between stages, while users read and write.

Every time: no request fails, no acknowledged write is lost, the command ends by itself within a
bound and says where writes go, and the next try works.
"""

from __future__ import annotations

import pytest
from tests.support import apps
from tests.support.moves import (
    Bring,
    go_on,
    require_said,
    require_unharmed,
    settle,
    silenced,
    stopped_at,
    wait_for_answers,
)
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
STAYS = "writes go to vm1/postgres, as before"
MAX_HOLD_SECONDS = 5.0
"""As it is by default."""
BACK_SECONDS = 3.0
"""What taking a switch back may cost users on top of that, on a busy machine."""


@pytest.mark.parametrize("after", ["resume", "abort"])
def test_a_new_host_that_falls_silent_while_it_is_prepared_costs_users_nothing(
    bring: Bring, after: str
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "CatchUp.before", "grow", "--to", "100", heard=True)
        assert command is not None
        with silenced(project, "db1"):
            code, said, seconds = go_on(command, within=90)
            assert code == 1, said
            require_said(said, "db1", "does not answer", STAYS, "tenfold resume", "tenfold abort")
            wait_for_answers(users)
            said = project.ok("status")
            require_said(said, "degraded", "db1 does not answer", "was cut off", "tenfold abort")
        assert seconds < 60
        assert users.longest_seconds < MAX_HOLD_SECONDS
        settle(project, after)
        assert project.status()["stage"] == ("100" if after == "resume" else "10")
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.parametrize(
    ("point", "after"),
    [("Hold.after", "resume"), ("Fence.after", "resume"), ("AwaitLast.before", "abort")],
)
def test_a_new_host_that_falls_silent_while_requests_wait_lets_them_go_on(
    bring: Bring, point: str, after: str
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, point, "grow", "--to", "100", heard=True)
        assert command is not None
        with silenced(project, "db1"):
            code, said, _ = go_on(command, within=90)
            assert code == 1, said
            require_said(said, "db1/postgres does not answer", STAYS, "resume", "abort")
            wait_for_answers(users)
        assert users.longest_seconds < MAX_HOLD_SECONDS + BACK_SECONDS
        settle(project, after)
        assert project.status()["stage"] == ("100" if after == "resume" else "10")
        wait_for_answers(users)
    require_unharmed(project, users)
