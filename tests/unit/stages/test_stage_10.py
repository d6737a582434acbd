from __future__ import annotations

import pytest

from tenfold import stages
from tenfold.errors import Refused, SpecError, UsageError
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine, app_facts
from tenfold.stages.guarantees import costs
from tenfold.topology.settings import (
    AppSettings,
    CertificateSettings,
    DatabaseSettings,
    EdgeSettings,
    RedisSettings,
    SchedulerSettings,
    Tls,
)

PLAIN = 'name = "my-shop"\napp = "shop:app"\n'
TWO_CORES = Machine(cores=2, memory_bytes=4 << 30)
UVICORN, GUNICORN = AppFacts("uvicorn", "asgi"), AppFacts("gunicorn", "wsgi")
HYPERCORN, GRANIAN = AppFacts("hypercorn", "asgi"), AppFacts("granian", "asgi")
COMMAND = AppFacts("command", "http")


def test_one_host_has_it_all_in_an_order_that_works() -> None:
    topology = stages.topology("10", parse(PLAIN), TWO_CORES, UVICORN)
    assert [h.name for h in topology.hosts] == ["vm1"]
    assert [m.path for m in topology.members()] == ["vm1/postgres", "vm1/edge", "vm1/app"]
    assert topology.member("vm1/app").after == ("postgres",)


@pytest.mark.parametrize(("stage", "host"), [("10", "vm1"), ("100", "app1")])
def test_a_redis_compatible_server_stays_beside_the_app(stage: str, host: str) -> None:
    topology = stages.topology(stage, parse(PLAIN + "[redis]\n"), TWO_CORES, UVICORN)
    (server,) = topology.of(RedisSettings)
    assert server.path == f"{host}/redis"
    assert server.settings == RedisSettings(100_000_000, "noeviction", "aof")
    assert "redis" in topology.pools[0].after


def test_the_redis_url_is_given_once() -> None:
    with pytest.raises(SpecError, match=r"REDIS_URL is set by \[redis\]; give one of both"):
        parse(PLAIN + '[redis]\n[env]\nREDIS_URL = "redis://elsewhere"\n')
    parse(PLAIN + '[env]\nREDIS_URL = "redis://elsewhere"\n')


def test_the_database_is_named_like_the_app_as_sql_can() -> None:
    topology = stages.topology("10", parse(PLAIN), TWO_CORES, UVICORN)
    (database,) = topology.of(DatabaseSettings)
    assert isinstance(database.settings, DatabaseSettings)
    assert database.settings.database == "my_shop"
    assert not database.settings.separate_owner


def test_with_migrations_only_they_may_change_the_schema() -> None:
    spec = parse(PLAIN + '[release]\nmigrate = "alembic upgrade head"\n')
    (database,) = stages.topology("10", spec, TWO_CORES, UVICORN).of(DatabaseSettings)
    assert isinstance(database.settings, DatabaseSettings)
    assert database.settings.separate_owner


@pytest.mark.parametrize(
    ("facts", "extra", "units", "workers"),
    [
        (UVICORN, "", 2, 1),
        (UVICORN, "[server]\nworkers = 5\n", 5, 1),
        (GUNICORN, "", 1, 5),
        (GUNICORN, "[server]\nworkers = 3\n", 1, 3),
        (HYPERCORN, "", 2, 1),
        (GRANIAN, "", 1, 2),
        (COMMAND, "", 1, 1),
        (COMMAND, "[server]\nworkers = 3\n", 1, 3),
    ],
)
def test_workers_follow_the_cores_unless_the_file_says(
    facts: AppFacts, extra: str, units: int, workers: int
) -> None:
    (pool,) = stages.topology("10", parse(PLAIN + extra), TWO_CORES, facts).pools
    assert isinstance(pool.settings, AppSettings)
    assert (pool.minimum, pool.maximum, pool.settings.workers) == (units, units, workers)


def test_the_edge_is_as_the_file_says() -> None:
    spec = parse(
        PLAIN + '[edge]\nport = 9000\nmax_body = "5MB"\n[static]\nassets = {"/static" = "s"}\n'
    )
    (edge,) = stages.topology("10", spec, TWO_CORES, UVICORN).of(EdgeSettings)
    assert isinstance(edge.settings, EdgeSettings)
    assert (edge.settings.port, edge.settings.max_body_bytes) == (9000, 5_000_000)
    assert [(a.url, a.directory) for a in edge.settings.assets] == [("/static", "s")]


def test_a_stage_that_does_not_exist_and_one_that_comes_later() -> None:
    with pytest.raises(UsageError, match="there is no stage '11'"):
        stages.require_built("11")
    with pytest.raises(UsageError, match="later version"):
        stages.require_built("10k")


@pytest.mark.parametrize(
    ("extra", "installed", "likely", "server"),
    [
        ("", {"uvicorn"}, None, "uvicorn"),
        ("", {"gunicorn"}, None, "gunicorn"),
        ("", {"uvicorn", "gunicorn"}, "wsgi", "gunicorn"),
        ("", {"uvicorn", "gunicorn"}, "asgi", "uvicorn"),
        ("", {"hypercorn"}, "wsgi", "hypercorn"),
        ("", {"granian"}, None, "granian"),
        ("", {"hypercorn", "granian", "gunicorn"}, "wsgi", "gunicorn"),
        ('[server]\nkind = "granian"\n', {"granian", "uvicorn"}, "wsgi", "granian"),
        ('[server]\nkind = "gunicorn"\n', {"uvicorn", "gunicorn"}, "asgi", "gunicorn"),
    ],
)
def test_the_server_is_the_one_that_is_there_and_fits(
    extra: str, installed: set[str], likely: str | None, server: str
) -> None:
    assert app_facts(parse(PLAIN + extra), frozenset(installed), likely).server == server


def test_a_server_that_is_not_installed_is_named_with_its_command() -> None:
    with pytest.raises(Refused, match="no gunicorn") as caught:
        app_facts(parse(PLAIN), frozenset({"uvicorn"}), "wsgi")
    assert "pip install gunicorn" in (caught.value.next or "")


def test_certificates_by_themselves_have_a_keeper_beside_the_edge() -> None:
    table = '[edge]\ndomain = "a.org"\nwww = "redirect"\ntls = "auto"\nport = 80\n'
    for stage, host in (("10", "vm1"), ("100", "app1")):
        found = stages.topology(stage, parse(PLAIN + table), TWO_CORES, UVICORN)
        keeper = found.member(f"{host}/certificates")
        assert keeper.after == ("edge",)
        assert isinstance(keeper.settings, CertificateSettings)
        assert keeper.settings.names == ("a.org", "www.a.org")
        edge = found.member(f"{host}/edge").settings
        assert isinstance(edge, EdgeSettings)
        assert (edge.names, edge.aliases) == (("a.org",), (("www.a.org", "a.org"),))
        assert edge.tls == Tls(443, certificates="certificates")


def test_without_them_there_is_none() -> None:
    table = '[edge]\ndomain = "a.org"\ntls = { certificate = "c.pem", key = "k.pem" }\n'
    found = stages.topology("10", parse(PLAIN + table), TWO_CORES, UVICORN)
    assert not found.of(CertificateSettings)
    (edge,) = found.of(EdgeSettings)
    assert isinstance(edge.settings, EdgeSettings)
    assert edge.settings.tls == Tls(8443)


def test_www_may_be_served_as_well() -> None:
    table = '[edge]\ndomain = "a.org"\nwww = "serve"\n'
    (edge,) = stages.topology("10", parse(PLAIN + table), TWO_CORES, UVICORN).of(EdgeSettings)
    assert isinstance(edge.settings, EdgeSettings)
    assert (edge.settings.names, edge.settings.aliases) == (("a.org", "www.a.org"), ())


def test_a_command_needs_no_server_in_the_environment() -> None:
    spec = parse('name = "shop"\ncommand = "serve --port {port} \'a shop\'"\n')
    facts = app_facts(spec, frozenset(), None)
    assert facts == COMMAND
    (pool,) = stages.topology("10", spec, TWO_CORES, facts).pools
    assert isinstance(pool.settings, AppSettings)
    assert pool.engine == "command"
    assert pool.settings.command == ("serve", "--port", "{port}", "a shop")


@pytest.mark.parametrize("facts", [GRANIAN, COMMAND])
def test_what_a_server_behind_a_door_costs_is_one_line(facts: AppFacts) -> None:
    (line,) = costs(facts)
    assert facts.server in line
    assert "fail no request" in line
    assert "Lost: " in line


@pytest.mark.parametrize("facts", [UVICORN, GUNICORN, HYPERCORN])
def test_a_server_with_an_adapter_costs_nothing(facts: AppFacts) -> None:
    assert costs(facts) == ()


@pytest.mark.parametrize(("stage", "host"), [("10", "vm1"), ("100", "app1")])
def test_one_scheduler_beside_the_app_runs_all_jobs(stage: str, host: str) -> None:
    jobs = (
        '[jobs.nightly]\nrun = "a"\ncron = "0 4 * * *"\ndrain = "5m"\n'
        '[jobs.often]\nrun = "b"\nevery = "1m"\n'
    )
    topology = stages.topology(stage, parse(PLAIN + jobs), TWO_CORES, UVICORN)
    (pool,) = [p for p in topology.pools if p.engine == "jobs"]
    assert (pool.path, pool.minimum, pool.maximum) == (f"{host}/jobs", 1, 1)
    assert isinstance(pool.settings, SchedulerSettings)
    assert pool.settings.single
    assert pool.settings.drain_seconds == 300.0
    assert [job.name for job in pool.settings.jobs] == ["nightly", "often"]
    assert pool.after == topology.app_pool.after


def test_without_jobs_there_is_no_scheduler() -> None:
    topology = stages.topology("10", parse(PLAIN), TWO_CORES, UVICORN)
    assert [p.name for p in topology.pools] == ["app"]
