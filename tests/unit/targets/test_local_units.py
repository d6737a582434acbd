"""Units on a real host: how they run, how they fail, how they come back."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.support.hosts import (
    POOL,
    Hosts,
    Knocker,
    get,
    hosts,
    member,
    script,
    serving,
    sleeper,
    until,
    worker_status,
)

from tenfold.errors import PortTaken, Refused, StepFailed, UnitFailed
from tenfold.secret import Secret
from tenfold.targets.local import LocalAgent, follow
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.process import Command, File, Listen, Probe, Stop


@pytest.fixture(scope="module")
def host() -> Iterator[Hosts]:
    with hosts({"SECRET_OF_THE_CALLER": "x", "LC_TIME": "C"}) as made:
        yield made


@pytest.fixture
def agent(host: Hosts) -> Iterator[LocalAgent]:
    agent = host.up()
    yield agent
    for unit in agent.observe().units:
        agent.stop(unit.name)
    for log in Path(agent.paths.logs).iterdir():
        if log.name != "agent.log":
            log.unlink()


def unit(agent: LocalAgent, name: str) -> ObservedUnit:
    found = agent.observe().unit(name)
    assert found is not None
    return found


def says(agent: LocalAgent, name: str, lines: int = 100) -> list[str]:
    return [line for _, line in follow.read(Path(agent.paths.logs), [name], lines)]


def kill(pid: int | None, number: int = signal.SIGKILL) -> None:
    assert pid is not None
    os.kill(pid, number)


class TestSurroundings:
    def test_a_unit_has_a_small_clean_environment_and_its_own(self, agent: LocalAgent) -> None:
        text = "import os, json, signal; print(json.dumps(dict(os.environ)), flush=True)"
        agent.start(script("a", f"{text}; signal.pause()", env={"OWN": Secret("own-value")}))
        env = json.loads(until(lambda: says(agent, "a"), "its environment")[-1])
        assert env["OWN"] == "own-value"
        assert "SECRET_OF_THE_CALLER" not in env
        assert env["TENFOLD_UNIT"].startswith("test/vm1/a/")
        usual = {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME", "LC_TIME"}
        assert set(env) - usual == {"OWN", "TENFOLD_UNIT"} | ({"LC_CTYPE"} & set(env))

    def test_secrets_show_in_no_command_line_and_in_no_log_of_the_agent(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        agent.start(sleeper("a", env={"S": Secret("dont-show-me")}))
        agent.write([File("config/secret", Secret("dont-show-me"), 0o600)])
        for process in psutil.process_iter(["cmdline"]):
            assert "dont-show-me" not in " ".join(process.info["cmdline"] or [])
        assert "dont-show-me" not in (host.root() / "logs/agent.log").read_text()
        holding = [p for p in host.root().rglob("*") if p.is_file() and has(p, "dont-show-me")]
        assert sorted(p.name for p in holding) == ["a.json", "secret"]
        assert {p.stat().st_mode & 0o777 for p in holding} == {0o600}

    def test_input_is_empty_and_output_is_one_log(self, agent: LocalAgent) -> None:
        text = "import sys; print(repr(sys.stdin.read())); print('e', file=sys.stderr)"
        agent.start(script("a", f"{text}; import signal; sys.stdout.flush(); signal.pause()"))
        until(lambda: len(says(agent, "a")) == 2, "its words")
        assert sorted(says(agent, "a")) == ["''", "e"]

    def test_a_unit_runs_as_an_ordinary_user(self, host: Hosts, agent: LocalAgent) -> None:
        agent.start(sleeper("a"))
        process = psutil.Process(unit(agent, "a").pid)
        assert 0 not in (process.uids().real, process.uids().effective, process.gids().real)
        owner = os.stat(host.root() / "data").st_uid
        assert process.uids().real == owner
        if os.geteuid() == 0:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert "Groups:\t \n" in status
            assert "CapEff:\t0000000000000000" in status


def has(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


class TestPreparing:
    def test_it_runs_before_the_unit_and_only_once(self, host: Hosts, agent: LocalAgent) -> None:
        made, log = host.root() / "data/made", host.root() / "data/prepared"
        command = Command(
            ("sh", "-c", 'echo "$WORD" >> "$LOG" && touch "$MADE"'),
            env={"WORD": "once", "LOG": str(log), "MADE": str(made)},
            creates=str(made),
        )
        order = sleeper("a", prepare=(command,))
        agent.start(order)
        agent.stop("a")
        agent.start(order)
        assert log.read_text() == "once\n"

    @pytest.mark.parametrize(
        ("command", "says"),
        [
            (Command(("sh", "-c", "echo 'no room'; exit 4")), "exit code 4"),
            (Command(("/nowhere/initdb",)), "cannot execute /nowhere/initdb: No such file"),
            (Command(("sleep", "60"), within_seconds=0.2), "did not end within 0.2 s"),
            (Command(("true",), creates="/nowhere"), "it did not create /nowhere"),
        ],
    )
    def test_a_failure_names_the_command_and_shows_its_words(
        self, agent: LocalAgent, command: Command, says: str
    ) -> None:
        with pytest.raises(UnitFailed) as failure:
            agent.start(sleeper("a", prepare=(command,)))
        assert f"preparing a failed: {' '.join(command.argv)}: {says}" in failure.value.what
        if command.argv[0] == "sh":
            assert failure.value.detail == "no room"
        assert unit(agent, "a").state == "failed"


class TestNotReady:
    def test_a_unit_that_exits_tells_its_code_and_last_lines(self, agent: LocalAgent) -> None:
        text = "for n in range(30): print('line', n, flush=True)\nraise SystemExit(9)"
        with pytest.raises(UnitFailed) as failure:
            agent.start(script("a", text, ready=Probe("exec", ("false",))))
        assert failure.value.what == "a on vm1 exited with code 9 before it was ready"
        assert failure.value.detail is not None
        assert failure.value.detail.splitlines()[-1] == "line 29"
        assert len(failure.value.detail.splitlines()) == 21
        assert unit(agent, "a").state == "failed"

    def test_a_unit_that_never_answers_tells_the_last_answer(self, agent: LocalAgent) -> None:
        probe = Probe("exec", ("sh", "-c", "echo starting up; exit 2"), within_seconds=0.5)
        with pytest.raises(UnitFailed) as failure:
            agent.start(sleeper("a", ready=probe))
        assert "a on vm1 did not become ready within 0.5 s" in failure.value.what
        assert failure.value.what.endswith("exit code 2")
        assert failure.value.detail == "starting up"

    def test_a_worker_that_cannot_import_tells_its_traceback(self, agent: LocalAgent) -> None:
        agent.listen([Listen("app", agent.address, 0)])
        with pytest.raises(UnitFailed) as failure:
            agent.start(member(agent, env={"BROKEN": "Traceback: No module named flsk"}))
        assert "the app failed to start" in failure.value.what
        assert "No module named flsk" in str(failure.value.detail)
        assert "is failed" in str(failure.value.detail)

    def test_an_app_that_answers_500_tells_status_and_body(self, agent: LocalAgent) -> None:
        agent.listen([Listen("app", agent.address, 0)])
        with pytest.raises(UnitFailed) as failure:
            agent.start(member(agent, env={"HEALTH": "500"}, ready_seconds=1.0))
        assert "GET /healthz inside the worker: status 500" in failure.value.what
        assert "health 500" in str(failure.value.detail)

    def test_a_program_that_does_not_exist_is_named(self, agent: LocalAgent) -> None:
        order = sleeper("a")
        order = replace(order, launch=replace(order.launch, argv=("/nowhere/nginx",)))
        with pytest.raises(UnitFailed, match="cannot execute /nowhere/nginx: No such file"):
            agent.start(order)

    def test_a_unit_that_was_not_ready_becomes_so_by_itself(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        flag = host.root() / "data/flag"
        probe = Probe("exec", ("test", "-e", str(flag)), within_seconds=0.3)
        with pytest.raises(UnitFailed):
            agent.start(sleeper("a", ready=probe))
        agent.write([File("data/flag", "")])
        until(lambda: unit(agent, "a").state == "running", "a to run")
        assert unit(agent, "a").restarts >= 1


class TestComingBack:
    def test_a_killed_unit_is_started_again_at_once(self, agent: LocalAgent) -> None:
        agent.start(sleeper("a"))
        before = unit(agent, "a")
        kill(before.pid)
        until(lambda: unit(agent, "a").restarts == 1, "a restart")
        until(lambda: unit(agent, "a").state == "running", "a to run")
        assert unit(agent, "a").pid != before.pid

    def test_a_unit_that_keeps_crashing_is_started_ever_more_slowly(
        self, agent: LocalAgent
    ) -> None:
        text = "import time; print(time.monotonic(), flush=True); time.sleep(0.05)"
        agent.start(script("a", text))
        until(lambda: len(says(agent, "a")) >= 6, "six starts")
        times = [float(line) for line in says(agent, "a")]
        assert times[5] - times[4] > times[2] - times[1] + 0.3
        # For the moment between its end and the look at how it ended, the one before is told.
        until(lambda: reason_of_rest(agent) == "exited with code 0", "the back-off to show")

    def test_a_unit_that_crashes_again_and_again_does_not_show_as_running_in_between(
        self, agent: LocalAgent
    ) -> None:
        agent.start(sleeper("a"))
        kill(unit(agent, "a").pid)
        until(lambda: unit(agent, "a").restarts == 1, "a restart")
        until(lambda: unit(agent, "a").state == "running", "one crash to be forgiven")
        kill(unit(agent, "a").pid)
        until(lambda: unit(agent, "a").restarts == 2, "another restart")
        seen = until(lambda: doubted(agent), "it to run again")
        assert (
            seen.reason == "runs again after 2 crashes in a row; the last one: was ended by SIGKILL"
        )
        until(lambda: unit(agent, "a").state == "running", "it to be believed again")
        assert (unit(agent, "a").restarts, unit(agent, "a").reason) == (2, None)

    def test_an_order_to_start_it_wipes_the_doubt(self, agent: LocalAgent) -> None:
        agent.start(sleeper("a"))
        for restarts in (1, 2):
            kill(unit(agent, "a").pid)
            until(lambda n=restarts: unit(agent, "a").restarts == n, "a restart")  # type: ignore[misc]
            until(lambda: unit(agent, "a").pid, "it to run again")
        agent.start(sleeper("a"))
        assert unit(agent, "a").state == "running"

    def test_an_order_does_not_wait_for_the_back_off(self, agent: LocalAgent) -> None:
        healed = Path(agent.paths.root) / "data/healed"
        text = f"import os, signal\nif not os.path.exists('{healed}'): raise SystemExit(1)"
        order = script("a", f"{text}\nsignal.pause()", ready=Probe("exec", ("sleep", "0.5")))
        for _ in range(3):
            with pytest.raises(UnitFailed):
                agent.start(order)
        until(lambda: unit(agent, "a").restarts >= 6, "a long back-off")
        agent.write([File("data/healed", "")])
        begun = time.monotonic()
        agent.start(order)
        assert time.monotonic() - begun < 3.0
        assert unit(agent, "a").state == "running"

    def test_what_a_killed_unit_started_is_killed_with_it(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        text = (
            "import subprocess, sys, signal\n"
            "print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid,"
            "flush=True)\nsignal.pause()"
        )
        agent.start(script("a", text))
        worker = psutil.Process(int(until(lambda: says(agent, "a"), "its worker")[-1]))
        kill(unit(agent, "a").pid)
        until(lambda: not worker.is_running(), "the worker to be dead")
        agent.stop("a")
        assert host.processes() == []


def backing_off(agent: LocalAgent) -> ObservedUnit | None:
    seen = unit(agent, "a")
    return seen if seen.state == "backoff" and seen.pid is None else None


def reason_of_rest(agent: LocalAgent) -> str | None:
    seen = backing_off(agent)
    return seen.reason if seen else None


def doubted(agent: LocalAgent) -> ObservedUnit | None:
    seen = unit(agent, "a")
    return seen if seen.state == "backoff" and seen.pid is not None else None


class TestStopping:
    def test_the_units_own_signal_is_used(self, agent: LocalAgent) -> None:
        text = (
            "import signal, sys; signal.signal(signal.SIGQUIT, lambda *_: sys.exit(print('quit')));"
            "print('up', flush=True)\nwhile True: signal.pause()"
        )
        agent.start(script("a", text, stop=Stop("SIGQUIT", 20.0)))
        until(lambda: says(agent, "a")[-1:] == ["up"], "a to be up")
        agent.stop("a")
        assert says(agent, "a")[-1] == "quit"

    def test_whoever_ignores_it_is_killed_after_its_time(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        text = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
        loop = "\nwhile True: signal.pause()"
        agent.start(script("a", text + loop, stop=Stop(within_seconds=0.3)))
        until(lambda: says(agent, "a")[-1:] == ["up"], "a to be up")
        begun = time.monotonic()
        agent.stop("a")
        assert 0.3 <= time.monotonic() - begun < 10
        assert host.processes() == []

    def test_a_shorter_bound_may_be_ordered_and_it_is_gone_then(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        text = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
        loop = "\nwhile True: signal.pause()"
        agent.start(script("a", text + loop, stop=Stop(within_seconds=600.0)))
        until(lambda: says(agent, "a")[-1:] == ["up"], "a to be up")
        process = psutil.Process(unit(agent, "a").pid)
        agent.stop("a", within_seconds=0.2)
        assert not process.is_running()
        assert host.processes() == []

    def test_a_longer_bound_than_its_own_does_not_count(self, agent: LocalAgent) -> None:
        text = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
        loop = "\nwhile True: signal.pause()"
        agent.start(script("a", text + loop, stop=Stop(within_seconds=0.2)))
        until(lambda: says(agent, "a")[-1:] == ["up"], "a to be up")
        begun = time.monotonic()
        agent.stop("a", within_seconds=600.0)
        assert time.monotonic() - begun < 30

    def test_a_worker_finishes_its_requests_and_closes_what_is_endless_at_once(
        self, agent: LocalAgent
    ) -> None:
        endpoint = serving(agent, drain_seconds=60.0)
        with ThreadPoolExecutor() as pool:
            endless = pool.submit(get, endpoint, "/endless")
            slow = pool.submit(get, endpoint, "/slow=1")
            until(lambda: active(agent) == 2, "both to be under way")
            begun = time.monotonic()
            agent.stop("app.1.0")
            assert time.monotonic() - begun < 30
            assert endless.result(timeout=30).startswith("r1 ")
            assert slow.result(timeout=30).startswith("r1 ")

    def test_a_worker_that_does_not_finish_is_ended_within_its_bound(
        self, agent: LocalAgent
    ) -> None:
        endpoint = serving(agent, drain_seconds=0.6)
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(get, endpoint, "/slow=60")
            until(lambda: active(agent) == 1, "the request to be under way")
            agent.stop("app.1.0")
            assert isinstance(slow.exception(timeout=30), OSError | http.client.HTTPException)

    def test_a_stop_does_not_wait_for_a_start_to_give_up(self, agent: LocalAgent) -> None:
        never = Probe("exec", ("false",), within_seconds=300)
        with ThreadPoolExecutor() as pool:
            start = pool.submit(agent.start, sleeper("a", ready=never))
            until(lambda: agent.observe().unit("a"), "a to be starting")
            agent.stop("a")
            with pytest.raises(UnitFailed, match="a was stopped meanwhile"):
                start.result(timeout=30)
        assert agent.observe().units == ()

    def test_dependants_end_first(self, host: Hosts) -> None:
        text = (
            "import signal, sys, time\n"
            "def end(*_):\n"
            " time.sleep(0.2); open(sys.argv[1], 'a').write(sys.argv[2] + ' '); sys.exit()\n"
            "signal.signal(15, end)\nprint('up', flush=True)\nwhile True: signal.pause()"
        )
        agent = host.up("order")
        ended = Path(agent.paths.root) / "data/ended"
        for name, after in (("keeper", ()), ("db", ()), ("app", ("db",)), ("edge", ("app",))):
            order = replace(script(name, text), outlives=("db",) if name == "keeper" else ())
            argv = (*order.launch.argv, str(ended), name)
            agent.start(replace(order, after=after, launch=replace(order.launch, argv=argv)))
            until(lambda name=name: says(agent, name) == ["up"], "it to be up")
        agent.shutdown()
        assert ended.read_text().split() == ["edge", "app", "db", "keeper"]


class TestOrder:
    def test_a_unit_waits_for_what_it_comes_after(self, host: Hosts, agent: LocalAgent) -> None:
        ready = Probe("exec", ("test", "-e", str(host.root() / "data/db-ready")), within_seconds=60)
        with ThreadPoolExecutor() as pool:
            db = pool.submit(agent.start, sleeper("db", ready=ready))
            until(lambda: agent.observe().unit("db"), "db to be known")
            app = pool.submit(agent.start, replace(sleeper("app"), after=("db",)))
            until(lambda: agent.observe().unit("app"), "app to be known")
            assert unit(agent, "app").pid is None
            agent.write([File("data/db-ready", "")])
            db.result(timeout=60)
            app.result(timeout=60)
        assert unit(agent, "app").state == "running"

    def test_what_does_not_exist_cannot_be_come_after(self, agent: LocalAgent) -> None:
        with pytest.raises(Refused, match="a comes after db, which vm1 does not have"):
            agent.start(replace(sleeper("a"), after=("db",)))
        assert agent.observe().units == ()

    def test_the_same_order_from_many_is_carried_out_once(self, agent: LocalAgent) -> None:
        order = script("a", "print('up', flush=True); import signal; signal.pause()")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(agent.start, [order] * 8))
        until(lambda: says(agent, "a"), "its word")
        assert says(agent, "a") == ["up"]
        assert unit(agent, "a").restarts == 0

    def test_an_order_goes_on_when_its_caller_is_gone(self, host: Hosts, agent: LocalAgent) -> None:
        ready = Probe("exec", ("test", "-e", str(host.root() / "data/go")), within_seconds=60)
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(str(Path(agent.paths.run) / "agent.sock"))
        from tenfold.agent.wire import line, to_wire

        caller.sendall(line({"order": "start", "unit": to_wire(sleeper("a", ready=ready))}))
        until(lambda: agent.observe().unit("a"), "a to be known")
        caller.close()
        agent.write([File("data/go", "")])
        until(lambda: unit(agent, "a").state == "running", "a to run")


class TestReloading:
    TEXT = (
        "import signal; signal.signal(1, lambda *_: print('reread', flush=True));"
        "print('up', flush=True)\nwhile True: signal.pause()"
    )

    def test_a_unit_rereads_and_keeps_its_process(self, agent: LocalAgent) -> None:
        agent.start(script("a", self.TEXT, reload="SIGHUP"))
        until(lambda: says(agent, "a")[-1:] == ["up"], "a to be up")
        before = unit(agent, "a").pid
        agent.reload("a")
        until(lambda: says(agent, "a")[-1] == "reread", "it to reread")
        assert unit(agent, "a").pid == before

    def test_a_unit_that_cannot_is_left_alone(self, agent: LocalAgent) -> None:
        agent.start(sleeper("a"))
        before = unit(agent, "a")
        with pytest.raises(Refused, match="a cannot reread its files while it runs"):
            agent.reload("a")
        assert unit(agent, "a") == before


class TestRunning:
    def test_a_command_runs_like_a_unit_and_tells_its_lines(self, agent: LocalAgent) -> None:
        lines: list[str] = []
        command = Command(("sh", "-c", 'echo "$A"; id -u; pwd; exit 5'), env={"A": Secret("b")})
        done = agent.run(command, lines.append)
        owner = (Path(agent.paths.root) / "data").stat().st_uid
        assert (done.code, lines) == (5, ["b", str(owner), agent.paths.root])
        assert done.tail.splitlines() == lines

    def test_a_command_ends_with_its_caller(self, host: Hosts, agent: LocalAgent) -> None:
        told = threading.Event()

        def interrupted(_: str) -> None:
            told.set()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            agent.run(Command(("sh", "-c", "sleep 600 & echo up; wait")), interrupted)
        assert told.is_set()
        until(lambda: host.processes() == [], "the command to be gone")

    def test_a_command_that_takes_too_long_is_ended(self, host: Hosts, agent: LocalAgent) -> None:
        with pytest.raises(StepFailed, match=r"sleep 60 did not end within 0\.2 s"):
            agent.run(Command(("sleep", "60"), within_seconds=0.2))
        until(lambda: host.processes() == [], "the command to be gone")

    def test_a_program_that_does_not_exist_is_named(self, agent: LocalAgent) -> None:
        with pytest.raises(StepFailed, match="cannot execute no-such-program"):
            agent.run(Command(("no-such-program",)))


class TestPools:
    def serving(self, agent: LocalAgent, **settings: object) -> str:
        endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
        agent.start(member(agent, **settings))  # type: ignore[arg-type]
        agent.handover(POOL, 1)
        return endpoint

    def test_connections_wait_until_somebody_accepts(self, agent: LocalAgent) -> None:
        endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
        agent.start(member(agent))
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(get, endpoint)
            assert unit(agent, "app.1.0").state == "warm"
            assert not waiting.done()
            agent.handover(POOL, 1)
            assert waiting.result(timeout=30).startswith("r1 ")

    def test_ten_handovers_refuse_nobody(self, agent: LocalAgent) -> None:
        endpoint = self.serving(agent)
        with Knocker(endpoint) as knocker:
            for generation in range(2, 12):
                agent.start(member(agent, generation=generation))
                agent.handover(POOL, generation)
                assert [u.name for u in agent.observe().pool(POOL)] == [f"app.{generation}.0"]
        assert knocker.faults == []
        assert knocker.answers[-1].startswith("r11 ")

    def test_past_its_bound_a_drain_closes_what_is_left(self, agent: LocalAgent) -> None:
        endpoint = self.serving(agent, drain_seconds=0.3)
        with ThreadPoolExecutor() as pool:
            endless = pool.submit(get, endpoint, "/endless")
            until(lambda: active(agent) == 1, "the request to be under way")
            agent.start(member(agent, generation=2))
            told: list[str] = []
            agent.handover(POOL, 2, told.append)
            assert endless.result(timeout=30).startswith("r1 ")
        assert "app.1.0 closed its long connections" in told

    def test_whoever_does_not_quiesce_is_ended_by_signal(self, agent: LocalAgent) -> None:
        self.serving(agent, env={"STUBBORN": "1"})
        agent.start(member(agent, generation=2))
        told: list[str] = []
        agent.handover(POOL, 2, told.append)
        assert told == [
            "app: generation 2 accepts (1 worker)",
            "app.1.0 drains",
            "app.1.0 was ended by signal",
        ]

    def test_a_generation_that_cannot_accept_leaves_the_old_one_serving(
        self, agent: LocalAgent
    ) -> None:
        endpoint = self.serving(agent)
        agent.start(member(agent, 0, generation=2))
        agent.start(member(agent, 1, generation=2, env={"DEAF": "1"}))
        with Knocker(endpoint) as knocker:
            with pytest.raises(StepFailed) as failure:
                agent.handover(POOL, 2)
            assert [u.name for u in agent.observe().pool(POOL)] == ["app.1.0"]
        assert "no accept here" in failure.value.what
        assert "went on serving" in str(failure.value.changed)
        assert knocker.faults == []
        assert get(endpoint).startswith("r1 ")

    def test_what_accepting_workers_measured_is_summed(self, agent: LocalAgent) -> None:
        endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
        for index in range(2):
            agent.start(member(agent, index))
        agent.start(member(agent, generation=2))
        agent.handover(POOL, 1)
        assert [u.name for u in agent.observe().pool(POOL)] == ["app.1.0", "app.1.1"]
        for _ in range(10):
            get(endpoint)
        found = agent.metrics(POOL)
        assert found["workers"] == 2
        assert found["routes"] == [{"method": "GET", "route": "/", "count": 10}]


def active(agent: LocalAgent) -> int:
    """How many requests the accepting worker has in hand."""
    return int(worker_status(agent, "app.1.0")["active"])


class TestListening:
    def test_a_taken_port_names_its_holder(self, agent: LocalAgent) -> None:
        with socket.create_server((agent.address, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(PortTaken) as refusal:
                agent.listen([Listen("app", agent.address, port)])
        assert f"(pid {os.getpid()}, user " in refusal.value.what
        assert refusal.value.next == "stop it, or choose another port with --port"


class TestLogs:
    def test_a_unit_that_writes_much_is_rotated_and_followed_without_loss(
        self, host: Hosts, agent: LocalAgent
    ) -> None:
        text = (
            "import time, signal\n"
            "for n in range(300):\n"
            " print(str(n).zfill(6) + 'x' * 60_000, flush=True); time.sleep(0.01)\n"
            "print('end', flush=True); signal.pause()"
        )
        agent.start(script("loud", text))
        numbers = []
        for _, line in host.target.logs("vm1", ["loud"], lines=10_000, follow=True):
            if line == "end":
                break
            numbers.append(int(line[:6]))
        assert numbers == list(range(numbers[0], 300))
        assert (host.root() / "logs/loud.log.1").stat().st_size >= 10 << 20
