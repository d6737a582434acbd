"""The scheduler's process: Tenfold's own program, in the release's environment."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.engines.test_worker import SCENE

from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.jobs import Jobs
from tenfold.jobs import config
from tenfold.jobs.config import Config, Job
from tenfold.jobs.schedule import Schedule
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.settings import (
    EtcdSettings,
    JobSettings,
    SchedulerSettings,
    WorkerSettings,
)

SETTINGS = SchedulerSettings(
    "scheduled jobs",
    drain_seconds=90.0,
    jobs=(
        JobSettings(
            "nightly", "python 'a b.py'", cron="0 4 * * *", timezone="Europe/Berlin", missed="skip"
        ),
        JobSettings("often", "true", every_seconds=60.0, overlap=True, timeout_seconds=30.0),
    ),
)
POOL = Pool("jobs", "jobs", "vm1", SETTINGS)
WITH_PYTHON = replace(SCENE, place=replace(SCENE.place, binaries={"python": "/tenfold/python"}))


def test_it_is_told_all_in_its_environment_and_understands_it() -> None:
    launch = Jobs().launch(POOL, WITH_PYTHON)
    assert Jobs().render(POOL, WITH_PYTHON) == ()
    told = launch.env["TENFOLD_JOBS"]
    assert isinstance(told, str)
    berlin = Schedule(cron="0 4 * * *", timezone="Europe/Berlin")
    assert config.read({"TENFOLD_JOBS": told}) == Config(
        "r1",
        (
            Job("nightly", ("python", "a b.py"), berlin, False, "skip", 3600.0, 10.0),
            Job("often", ("true",), Schedule(60.0), True, "run-once", 30.0, 10.0),
        ),
    )
    assert json.loads(told)["release"] == "r1"


def test_jobs_have_release_wiring_and_variables_as_the_app_has_them() -> None:
    launch = Jobs().launch(POOL, WITH_PYTHON)
    assert launch.argv[:4] == ("/tenfold/python", "-I", "-m", "tenfold.jobs")
    assert launch.cwd == "/releases/r1"
    assert (launch.env["PATH"], launch.env["LOG"]) == ("/venv/bin:/bin", "info")
    url = launch.env["DATABASE_URL"]
    assert isinstance(url, Secret)
    assert "correct-horse" not in " ".join(launch.argv)
    assert launch.stop.within_seconds == 90.0


def test_only_a_scheduler_is_one() -> None:
    with pytest.raises(TypeError, match="vm1/mail runs no jobs"):
        Jobs().launch(Pool("mail", "jobs", "vm1", WorkerSettings("rq worker")), WITH_PYTHON)


def test_where_there_is_etcd_hosts_take_turns_by_a_file_that_others_cannot_read() -> None:
    etcd = Unit("etcd", "etcd", "vm1", EtcdSettings())
    topology = replace(WITH_PYTHON.topology, units=(*WITH_PYTHON.topology.units, etcd))
    wiring = replace(
        WITH_PYTHON.wiring, endpoints={**WITH_PYTHON.wiring.endpoints, etcd.path: "e:1"}
    )
    known = {AUTHORITY: Secret("authority"), host_secret("vm1"): Secret("own key")}
    scene = replace(
        WITH_PYTHON,
        topology=topology,
        wiring=wiring,
        secrets={**WITH_PYTHON.secrets, **known},
    )
    (file,) = Jobs().render(POOL, scene)
    assert file.mode == 0o600
    assert isinstance(file.text, Secret)
    told = json.loads(file.text.reveal())
    assert (told["urls"], told["holder"]) == (["https://e:1"], "vm1")
    assert told["certificate"] == "own key"
    assert Jobs().launch(POOL, scene).env[config.TURNS] == file.path
    assert config.TURNS not in Jobs().launch(POOL, WITH_PYTHON).env
