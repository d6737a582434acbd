"""The keeper's rounds, with servers and effects on paper."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest

from tenfold.agent.identity import boot_id
from tenfold.errors import StepFailed
from tenfold.failover import effects, keeper
from tenfold.failover.agent import Agent
from tenfold.failover.asking import Address
from tenfold.failover.config import Config
from tenfold.failover.deciding import Limits, State, Step
from tenfold.failover.effects import Effects, Elsewhere, Unreached
from tenfold.failover.keeper import Keeper, load
from tenfold.failover.sightings import Seen, Sighting
from tenfold.secret import Secret

ONE, TWO = "db1/postgres", "db2/postgres"
ADDRESS = Address("127.0.0.1", 5432, "app", Secret("x"), "shop")
LEADS = {ONE: Sighting("leads", 1, "a"), TWO: Sighting("follows")}
DIED = {ONE: Sighting("down"), TWO: Sighting("follows")}
NEXT = {ONE: Sighting("down"), TWO: Sighting("leads", 2, "b")}
FAILOVER = ["hold", "cut", "point", "verify", "drain", "refresh", "release"]


@dataclass
class Paper:
    """A watch that sees what it is told, and effects that are only noted."""

    sees: Seen
    done: list[str] = field(default_factory=list)
    fails: list[StepFailed] = field(default_factory=list)

    def seen(self) -> Seen:
        return self.sees

    async def changed(self, within_seconds: float) -> None:
        """Nothing ever does by itself."""

    async def close(self) -> None:
        """There is nothing."""

    async def carry_out(self, step: Step) -> None:
        if self.fails:
            raise self.fails.pop()
        self.done.append(step.does)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        tmp_path, tmp_path / "no.sock", "database", ADDRESS, ONE, {ONE: ADDRESS, TWO: ADDRESS},
        {ONE: {}, TWO: {}, "": {}}, ("app",), Limits(),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "AGAIN_SECONDS", 0.0)


async def rounds(config: Config, paper: Paper, most: int = 50) -> Keeper:
    made = Keeper(config, paper, paper)
    for _ in range(most):
        if not await made.round():
            return made
    raise AssertionError(paper.done)


async def test_a_failover(config: Config) -> None:
    paper = Paper(LEADS)
    await rounds(config, paper)
    assert paper.done == ["verify"]
    for paper.sees in (DIED, NEXT):
        made = await rounds(config, paper)
    assert paper.done == ["verify", *FAILOVER]
    assert (made.state.path, made.state.timeline, made.state.held) == (TWO, 2, False)


@pytest.mark.parametrize("at", range(len(FAILOVER) + 1))
async def test_killed_after_any_step_its_successor_does_the_others(config: Config, at: int) -> None:
    await rounds(config, Paper(LEADS))
    first = Paper(NEXT)
    killed = Keeper(config, first, first)
    for _ in range(at):
        await killed.round()
    second = Paper(NEXT)
    await rounds(config, second)
    assert first.done + second.done == FAILOVER


async def test_a_step_that_fails_is_tried_again(config: Config) -> None:
    paper = Paper(LEADS, fails=[StepFailed("not yet")])
    await rounds(config, paper)
    assert paper.done == ["verify"]


async def test_an_endpoint_that_leads_elsewhere_is_pointed_anew(config: Config) -> None:
    """Somebody has rendered its file with another leader meanwhile."""
    paper = Paper(LEADS, fails=[Elsewhere("it follows")])
    await rounds(config, paper)
    assert paper.done == FAILOVER


async def test_a_disk_that_takes_nothing_ends_no_keeper(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes on from memory, says so once, and writes it down when there is room again."""
    await rounds(config, Paper(LEADS))
    beside = config.state.with_suffix(".new")
    beside.mkdir()  # what it writes to before it replaces the record
    paper = Paper(DIED)
    made = Keeper(config, paper, paper)
    for paper.sees in (DIED, NEXT):
        for _ in range(20):
            await made.round()
    assert paper.done == FAILOVER
    assert (made.state.path, made.state.timeline) == (TWO, 2)
    assert load(config).path == ONE
    said = capsys.readouterr()
    assert (said.out + said.err).count("without writing it down") == 1
    beside.rmdir()
    await made.round()
    assert load(config) == made.state


def test_without_a_record_the_rendered_file_is_believed(config: Config) -> None:
    assert load(config) == State(path=ONE)
    config.state.write_text("{")
    assert load(config) == State(path=ONE)


async def test_of_another_boot_only_the_timeline_and_the_file_count(config: Config) -> None:
    await rounds(config, Paper(LEADS))
    await rounds(config, Paper(NEXT))
    told = json.loads(config.state.read_text())
    config.state.write_text(json.dumps({**told, "boot": "before", "held": True}))
    assert load(config) == State(path=TWO, timeline=2)


async def test_requests_that_waited_long_enough_are_let_go(config: Config) -> None:
    ticks = itertools.count(1000.0, 1.0)
    brief = replace(config, limits=Limits(hold_seconds=5.0))
    await rounds(brief, Paper(LEADS))
    paper = Paper(DIED)
    made = Keeper(brief, paper, paper, lambda: next(ticks))
    for _ in range(20):
        await made.round()
    assert paper.done == ["hold", "cut", "give up"]


async def settled(config: Config, paper: Paper) -> Keeper:
    made = await rounds(config, paper)
    paper.done.clear()
    return made


async def test_what_somebody_else_led_elsewhere_is_seen_and_pointed_anew(config: Config) -> None:
    paper = Paper(LEADS)
    made = await settled(config, paper)
    await made.look_through()
    assert paper.done == ["verify"], "all is well, and nothing is done"
    assert not await made.round()
    paper.done.clear()
    paper.fails.append(Elsewhere("it follows"))
    await made.look_through()
    while await made.round():
        pass
    assert paper.done == FAILOVER


async def test_an_endpoint_that_nobody_answers_behind_is_left_alone(config: Config) -> None:
    paper = Paper(LEADS)
    made = await settled(config, paper)
    paper.fails = [StepFailed("it is being started again")]
    await made.look_through()
    assert not paper.fails
    assert not await made.round()
    assert paper.done == []


async def test_an_endpoint_that_leads_to_where_nobody_is_is_pointed_anew(config: Config) -> None:
    """Its file was written while nobody could say who leads, for one; the leader is well."""
    paper, ticks = Paper(LEADS), itertools.count(1000.0, 1.0)
    made = Keeper(config, paper, paper, lambda: next(ticks))
    while await made.round():
        pass
    paper.done.clear()
    looks = 0
    while not await made.round():
        paper.fails = [Unreached("refused")]
        await made.look_through()
        looks += 1
        assert looks < 20
    while await made.round():
        pass
    assert looks > 1
    assert paper.done == FAILOVER


async def test_a_round_that_reaches_nobody_points_anew_in_time(config: Config) -> None:
    paper, ticks = Paper(LEADS), itertools.count(1000.0, 1.0)
    paper.fails = [Unreached("refused")] * 3
    await drive(Keeper(config, paper, paper, lambda: next(ticks)))
    assert paper.done == FAILOVER


async def drive(made: Keeper, most: int = 50) -> None:
    for _ in range(most):
        if not await made.round():
            return
    raise AssertionError("it never ends")


async def test_a_server_that_refuses_us_is_left_where_it_is(config: Config) -> None:
    """It is full, or knows another password: nobody's sessions end for that."""
    paper, ticks = Paper(LEADS), itertools.count(1000.0, 10.0)
    made = Keeper(config, paper, paper, lambda: next(ticks))
    await drive(made)
    before = made.state
    for _ in range(10):
        paper.fails = [StepFailed("FATAL:  sorry, too many clients already")]
        await made.look_through()
        assert not await made.round()
    assert made.state == before


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (psycopg.OperationalError("connection refused"), Unreached),
        (psycopg.OperationalError("server closed the connection unexpectedly"), Unreached),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), Unreached),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), StepFailed),
        (psycopg.OperationalError('FATAL:  password authentication failed for "a"'), StepFailed),
        (TimeoutError(), Unreached),
    ],
)
async def test_what_a_look_that_fails_says(
    config: Config, monkeypatch: pytest.MonkeyPatch, said: Exception, kind: type[StepFailed]
) -> None:
    """Where the server itself lets us in."""
    assert await looked(config, monkeypatch, said, LEADS[ONE]) is kind


@pytest.mark.parametrize(
    "directly",
    [TimeoutError(), psycopg.OperationalError("FATAL:  sorry, too many clients"), LEADS[TWO]],
    ids=["too late", "full", "follows"],
)
async def test_an_endpoint_is_right_where_the_server_itself_lets_nobody_in(
    config: Config, monkeypatch: pytest.MonkeyPatch, directly: Exception | Sighting
) -> None:
    """It is overloaded: pointing anew would have all sessions begin at once, into the same load."""
    assert await looked(config, monkeypatch, TimeoutError(), directly) is StepFailed


async def looked(
    config: Config, monkeypatch: pytest.MonkeyPatch, through: Exception, directly: object
) -> type[StepFailed]:
    """How a look through the endpoint fails, by what it and the server itself say."""
    itself = replace(ADDRESS, port=6432)
    config = replace(config, servers={ONE: itself})

    async def ask(address: Address, _: float) -> Sighting:
        said = directly if address == itself else through
        if isinstance(said, Sighting):
            return said
        assert isinstance(said, Exception)
        raise said

    monkeypatch.setattr(effects, "ask_once", ask)
    with pytest.raises(StepFailed, match="does not reach") as failure:
        await Effects(config, Agent(config.socket)).carry_out(Step("verify", ONE, "a"))
    return type(failure.value)


async def test_looks_that_reach_nobody_count_only_in_a_row(config: Config) -> None:
    paper, ticks = Paper(LEADS), itertools.count(1000.0, 3.0)
    made = Keeper(config, paper, paper, lambda: next(ticks))
    await drive(made)
    paper.done.clear()
    for _ in range(5):
        for fault in (Unreached("refused"), StepFailed("the server itself lets nobody in")):
            paper.fails = [fault]
            await made.look_through()
            assert not await made.round()
    assert paper.done == []


async def test_while_requests_wait_nobody_looks_beside_the_rounds(config: Config) -> None:
    paper = Paper(LEADS)
    made = await settled(config, paper)
    paper.sees = DIED
    await made.round()
    assert paper.done == ["hold"]
    await made.look_through()
    assert paper.done == ["hold"]


async def test_a_look_that_was_overtaken_changes_nothing(config: Config) -> None:
    paper = Paper(LEADS)
    made = await settled(config, paper)

    async def slow(step: Step) -> None:
        paper.sees = DIED
        made._effects = paper
        await made.round()
        raise Elsewhere("it follows")

    class Slow:
        carry_out = staticmethod(slow)

    made._effects = Slow()
    await made.look_through()
    assert (made.state.life, made.state.held) == ("a", True)


def test_a_record_of_before_names_no_life(config: Config) -> None:
    told = {"timeline": 3, "path": ONE, "life": "2026-11-27 23:38:02.565674+00", "boot": boot_id()}
    config.state.write_text(json.dumps(told))
    assert load(config) == State(timeline=3, path=ONE)
