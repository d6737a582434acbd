"""The client against agents that are not what they should be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.hosts import hosts

from tenfold.errors import TargetError
from tenfold.targets.local import LocalAgent, client, directory

Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


class FakeAgent:
    """Answers each request with what it is told, on the socket of a host that has no agent."""

    def __init__(self, state: Path, answer: Answer) -> None:
        self.place = directory.create(state, "vm1", "test", os.geteuid(), os.getegid())
        self.seen: list[str] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.place.socket))
        self.listener.listen()
        self.answer = answer
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rwb") as stream:
                request = stream.readline()
                if not request:
                    return
                order = json.loads(request)
                self.seen.append(order["order"])
                for answer in self.answer(order):
                    stream.write(json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.place.socket))
        self.thread.join()
        self.listener.close()


Fake = Callable[[Answer], FakeAgent]


@pytest.fixture
def fake() -> Iterator[Fake]:
    state = Path(tempfile.mkdtemp(prefix="tfc-", dir="/tmp"))
    made: list[FakeAgent] = []

    def make(answer: Answer) -> FakeAgent:
        made.append(FakeAgent(state, answer))
        return made[0]

    yield make
    for agent in made:
        agent.close()
    shutil.rmtree(state)


def test_an_agent_of_another_protocol_is_named_with_the_way_out(fake: Fake) -> None:
    other = fake(lambda _: [{"ok": {"protocol": 99, "version": "7.0"}}])
    with pytest.raises(TargetError) as fault:
        LocalAgent(other.place).hello()
    assert fault.value.what == (
        "the agent of vm1 was started by Tenfold 7.0 and speaks protocol 99, not 1"
    )
    assert "tenfold down" in str(fault.value.next)


def test_an_order_that_breaks_off_is_given_again(fake: Fake) -> None:
    answers = iter([[], [{"progress": "a"}], [{"progress": "b"}, {"alive": True}, {"ok": None}]])
    flaky = fake(lambda _: next(answers))
    told: list[str] = []
    LocalAgent(flaky.place).handover("app", 2, told.append)
    assert flaky.seen == ["handover"] * 3
    assert told == ["a", "b"]


def test_an_order_is_not_given_again_for_ever(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "AGAIN_WITHIN_SECONDS", 0.3)
    dying = fake(lambda _: [])
    with pytest.raises(TargetError, match="broke off while it worked at stop"):
        LocalAgent(dying.place).stop("a")
    assert len(dying.seen) > 1


def test_an_agent_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.5)
    with hosts() as made:
        agent = made.up()
        pid = made.agent_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TargetError, match=r"has said nothing for 0\.5 s") as fault:
                agent.observe()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert "agent.log" in str(fault.value.next)
        assert agent.observe().agent_pid == pid


def test_what_is_no_order_is_refused_and_the_agent_lives_on() -> None:
    with hosts() as made:
        agent = made.up()
        for request in (
            {"order": "dance"},
            {"order": "start"},
            {"order": "listen", "listens": [7]},
        ):
            with pytest.raises(TargetError, match=r"the agent (knows no|cannot read the) order"):
                agent._exchange(request, None, 10.0)
        for nonsense in (b"\n", b"{\n", b"[]\n", b"\xff\xfe\n"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(f"{agent.paths.run}/agent.sock")
                connection.sendall(nonsense)
                connection.settimeout(10)
                connection.recv(4096)
        assert agent.observe().units == ()
