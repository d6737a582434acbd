"""Two servers of one cluster, as they are rendered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.postgres import follower_scene, scene_for

from tenfold.engines.postgresql.peers import Upstream, origin, slot_name, upstream
from tenfold.engines.postgresql.render import PostgreSQL, sizes
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Unit
from tenfold.topology.settings import DatabaseSettings

PROGRAMS = {name: f"/opt/pg/bin/{name}" for name in ("postgres", "initdb", "pg_isready")}
PASSWORDS = {
    f"main.{role}": Secret(f"pw-{role}") for role in ("superuser", "owner", "app", "replication")
}
ENGINE = PostgreSQL()
Placed = tuple[Unit, Scene]


def alone(cores: int = 2) -> Placed:
    return scene_for(
        DatabaseSettings("shop"), "/srv/vm1", PROGRAMS, passwords=PASSWORDS, cores=cores
    )


def two(cores: int = 2, db1_cores: int = 2) -> tuple[Placed, Placed]:
    return follower_scene(alone(cores), "/srv/db1", port=5433, address="127.0.0.3", cores=db1_cores)


def led_by(placed: Placed, path: str) -> Placed:
    return placed[0], replace(placed[1], leaders={"main": path})


def files(placed: Placed) -> dict[str, str]:
    return {
        file.path.rpartition("/")[2]: file.text.reveal()
        if isinstance(file.text, Secret)
        else file.text
        for file in ENGINE.render(*placed)
    }


def test_a_server_that_is_alone_follows_nobody() -> None:
    rendered = files(alone())
    assert "primary_conninfo" not in rendered["postgresql.conf"]
    assert "primary_slot_name" not in rendered["postgresql.conf"]
    assert "upstream" not in rendered["origin"]


def test_one_is_made_and_the_other_copied_from_it() -> None:
    vm1, db1 = two()
    assert origin(*vm1) is None
    source = origin(*db1)
    assert source is not None
    assert (source.host, source.port, source.slot) == ("127.0.0.1", 5432, "tenfold_2")
    assert "slot tenfold_2\nupstream host=127.0.0.1 port=5432 " in files(db1)["origin"]


def test_each_is_told_whom_it_would_follow() -> None:
    for vm1, db1 in (two(), tuple(led_by(p, "db1/postgres") for p in two())):
        assert "host=127.0.0.3 port=5433 " in files(vm1)["postgresql.conf"]
        assert "primary_slot_name = 'tenfold_1'" in files(vm1)["postgresql.conf"]
        assert "host=127.0.0.1 port=5432 " in files(db1)["postgresql.conf"]
        assert "primary_slot_name = 'tenfold_2'" in files(db1)["postgresql.conf"]


def test_who_leads_changes_no_configuration_but_where_a_copy_would_come_from() -> None:
    for placed in two():
        before, after = files(placed), files(led_by(placed, "db1/postgres"))
        assert {name for name in before if before[name] != after[name]} == {"origin"}


def test_a_third_follows_the_leader_whoever_leads() -> None:
    vm1, (unit, scene) = two()
    third = Unit("postgres", "postgresql", "db2", DatabaseSettings("shop", node=3))
    topology = replace(
        scene.topology,
        hosts=(*scene.topology.hosts, Host("db2")),
        units=(vm1[0], unit, third),
    )
    endpoints = {**scene.wiring.endpoints, "db2/postgres": "127.0.0.4:5432"}
    scene = replace(
        scene,
        host=Host("db2"),
        topology=topology,
        wiring=replace(scene.wiring, endpoints=endpoints),
    )
    for path, host in (("vm1/postgres", "127.0.0.1"), ("db1/postgres", "127.0.0.3")):
        found = upstream(*led_by((third, scene), path))
        assert found is not None
        assert (found.host, found.slot) == (host, "tenfold_3")


@pytest.mark.parametrize("leaders", [{}, {"main": "db9/postgres"}, {"other": "vm1/postgres"}])
def test_of_several_members_the_leader_has_to_be_known(leaders: dict[str, str]) -> None:
    """A follower that is taken for a leader would get a cluster of its own."""
    for unit, scene in two():
        with pytest.raises(ValueError, match="none is named as its leader"):
            ENGINE.render(unit, replace(scene, leaders=leaders))


def test_what_a_host_is_asked_for_needs_no_leader() -> None:
    for unit, scene in two():
        nameless = replace(scene, leaders={})
        assert ENGINE.launch(unit, nameless) == ENGINE.launch(unit, scene)


def test_the_last_member_needs_no_leader_to_be_named() -> None:
    unit, scene = alone()
    gone = replace(scene, leaders={"main": "db1/postgres"})
    assert ENGINE.render(unit, gone) == ENGINE.render(unit, scene)


def test_members_that_share_a_node_are_refused() -> None:
    vm1, (unit, scene) = two()
    same = replace(unit, settings=vm1[0].settings)
    scene = replace(scene, topology=replace(scene.topology, units=(vm1[0], same)))
    with pytest.raises(ValueError, match="share a node"):
        ENGINE.render(same, scene)


def test_clusters_do_not_mix() -> None:
    vm1, (unit, scene) = two()
    other = replace(unit, settings=DatabaseSettings("other", cluster="other"))
    topology = replace(scene.topology, units=(vm1[0], other))
    assert upstream(vm1[0], replace(vm1[1], topology=topology)) is None


def test_a_peer_changes_no_launch() -> None:
    unit, scene = alone()
    vm1, _ = two(db1_cores=32)
    assert ENGINE.launch(unit, scene) == ENGINE.launch(*vm1)


def test_the_password_for_a_peer_is_in_the_password_file_alone() -> None:
    for placed in two():
        here = files(placed)
        assert "127.0.0.1:5432:*:tenfold_replication:pw-replication" in here["pgpass"]
        assert "127.0.0.3:5433:*:tenfold_replication:pw-replication" in here["pgpass"]
        assert not [n for n, text in here.items() if n != "pgpass" and "pw-replication" in text]


def test_of_a_peer_only_the_replication_password_is_known() -> None:
    (vm1, _), peer = two(), "127.0.0.3:5433"
    lines = [line for line in files(vm1)["pgpass"].splitlines() if line.startswith(peer)]
    assert lines == [f"{peer}:*:tenfold_replication:pw-replication"]


def test_peers_may_replicate_from_where_they_are() -> None:
    vm1, _ = two()
    endpoints = {"vm1/postgres": "10.0.0.1:5432", "db1/postgres": "10.0.0.2:5432"}
    scene = replace(vm1[1], wiring=replace(vm1[1].wiring, endpoints=endpoints))
    rules = [line.split() for line in files((vm1[0], scene))["pg_hba.conf"].splitlines()]
    assert ["host", "replication", '"tenfold_replication"', "10.0.0.2/32", "scram-sha-256"] in rules


@pytest.mark.parametrize(("vm1_cores", "db1_cores"), [(2, 32), (32, 2), (4, 4), (1, 64)])
def test_everybody_has_what_a_follower_of_anybody_needs(vm1_cores: int, db1_cores: int) -> None:
    here, there = (sizes(*placed) for placed in two(vm1_cores, db1_cores))
    assert here.max_connections == there.max_connections
    assert here.max_worker_processes == there.max_worker_processes


def test_what_a_query_may_use_follows_its_own_host() -> None:
    here, there = (sizes(*placed) for placed in two(2, 32))
    assert here.max_parallel_workers < there.max_parallel_workers


def test_a_slot_belongs_to_a_data_directory() -> None:
    assert slot_name(DatabaseSettings("shop", node=7)) == "tenfold_7"


@pytest.mark.parametrize(
    ("passfile", "written"),
    [
        ("/srv/pgpass", "passfile=/srv/pgpass"),
        ("/a place/pgpass", "passfile='/a place/pgpass'"),
        ("/it's/pgpass", "passfile='/it\\'s/pgpass'"),
        ("/b\\s/pgpass", "passfile='/b\\\\s/pgpass'"),
        ("", "passfile=''"),
    ],
)
def test_a_connection_string_holds_any_path(passfile: str, written: str) -> None:
    conninfo = Upstream("fd00::7", 5432, "r", "tenfold_2", passfile).conninfo()
    assert f"{written} application_name=tenfold_2 " in conninfo
    assert conninfo.startswith("host=fd00::7 port=5432 ")
