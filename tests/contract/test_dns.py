"""``tenfold dns`` and a real name server; and servers that answer anything."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from tests.support import nameserver
from tests.support.nameserver import NameServer, lying

from tenfold.cli import main
from tenfold.dns import lookup
from tenfold.dns.model import Seen

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]
GITHUB = "".join(f"@ A 185.199.{n}.153\n" for n in (108, 109, 110, 111))
OLD = f"""{GITHUB}
@ AAAA 2606:50c0:8000::153
@ 3600 CAA 0 issue "sectigo.com"
www 3600 CNAME anna.github.io.
b\\027[31m\\255 A 192.0.2.1
odd CNAME b\\027[31m\\255
"""
NEW = "@ A 127.0.0.7\nwww CNAME shop.example."
TOML = """
name = "shop"
app = "shop:app"
[edge]
domain = "shop.example"
www = "redirect"
[publish]
to = "github:anna/shop"
"""


@pytest.fixture
def names(tmp_path: Path) -> Iterator[NameServer]:
    root = tmp_path / "nsd"
    root.mkdir()
    pages = "anna A 185.199.108.153"
    with nameserver.running(root, shop_example=OLD, github_io=pages) as server:
        yield server


class Command:
    """``tenfold dns`` in a folder that has nothing but the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tenfold.toml").write_text(TOML)

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tenfold", "dns", *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def tenfold(tmp_path: Path) -> Command:
    folder = tmp_path / "shop"
    folder.mkdir()
    return Command(folder)


def look(server: str, name: str = "shop.example", *, caa: bool = False) -> Seen:
    (found,) = lookup.look([name], [lookup.parsed(server)], caa=caa)
    return found


def test_what_is_there_with_its_zone_and_times(names: NameServer) -> None:
    found = look(names.server, caa=True)
    assert found.problem == ""
    assert {record.value for record in found.records} == {
        "185.199.108.153", "185.199.109.153", "185.199.110.153", "185.199.111.153",
        "2606:50c0:8000::153",
    }  # fmt: skip
    assert {record.ttl_seconds for record in found.records} == {60}
    assert found.zone == "shop.example"
    assert [(r.value, r.ttl_seconds) for r in found.caa] == [('0 issue "sectigo.com"', 3600)]
    www = look(names.server, "www.shop.example", caa=True)
    assert [(r.kind, r.value) for r in www.records] == [("CNAME", "anna.github.io")]
    assert www.addresses == ("185.199.108.153",)
    assert [record.name for record in www.caa] == ["shop.example"]
    assert www.zone == "", "nobody says it behind a CNAME, which no zone has at its top"


def test_what_is_not_there_and_what_is_strange(names: NameServer) -> None:
    none = look(names.server, "none.shop.example")
    assert (none.records, none.addresses, none.problem) == ((), (), "")
    assert none.missing_seconds == 60
    odd = look(names.server, "odd.shop.example")
    assert [r.value for r in odd.records] == [r"b\027[31m\255.shop.example"]
    assert odd.addresses == ("192.0.2.1",)
    assert look(names.server, "xn--bckerei-5wa.shop.example").problem == ""
    assert look(names.server, "other.example").problem == "answers REFUSED"


def test_from_github_to_a_machine_and_back(names: NameServer, tenfold: Command) -> None:
    asked = ("--records-only", "--server", names.server)
    published = tenfold(*asked, "--published")
    assert published.returncode == 0, published.stdout + published.stderr
    before = tenfold(*asked, "--to", "127.0.0.7")
    assert before.returncode == 2, before.stderr
    rows = [" ".join(line.split()) for line in before.stdout.splitlines()]
    for row in (
        "- A shop.example 185.199.108.153 TTL 60, GitHub Pages",
        "- AAAA shop.example 2606:50c0:8000::153 TTL 60, GitHub Pages, browsers prefer IPv6:"
        " they would go on being led there",
        "+ A shop.example 127.0.0.7",
        "+ A www.shop.example 127.0.0.7",
        "! nobody outside reaches 127.0.0.7",
    ):
        assert row in rows
    assert before.stdout.endswith("Next   tenfold dns --to 127.0.0.7 --wait\n")

    waiting = subprocess.Popen(
        tenfold.argv(*asked, "--to", "127.0.0.7", "--wait", "60", "--json"),
        cwd=tenfold.folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    names.zone("shop.example", NEW)
    told, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    last = json.loads(told.splitlines()[-1])
    assert (last["event"], last["done"], last["problems"]) == ("dns", True, [])
    assert [(r["mark"], r["kind"], r["value"]) for r in last["records"]] == [
        ("=", "A", "127.0.0.7"),
        ("=", "CNAME", "shop.example"),
    ]

    back = tenfold(*asked, "--published")
    assert back.returncode == 2
    assert "-   CNAME   www.shop.example   shop.example" in back.stdout
    assert "+   CNAME   www.shop.example   anna.github.io" in back.stdout


def test_resolvers_that_do_not_agree_and_time_that_is_over(
    names: NameServer, tenfold: Command, tmp_path: Path
) -> None:
    root = tmp_path / "second"
    root.mkdir()
    names.zone("shop.example", NEW)
    with nameserver.running(root, shop_example=f"@ A 127.0.0.9\n{NEW}", github_io="") as second:
        began = time.monotonic()
        done = tenfold("--records-only", "--to", "127.0.0.7", "--wait", "1",
                       "--server", names.server, "--server", second.server)  # fmt: skip
        assert time.monotonic() - began < 20
    assert done.returncode == 2
    assert f"so far only at {second.server}" in done.stdout


def test_an_authority_that_is_kept_away(names: NameServer, tenfold: Command) -> None:
    spec = tenfold.folder / "tenfold.toml"
    spec.write_text(spec.read_text().replace("www =", 'tls = "auto"\nwww ='))
    done = tenfold("--records-only", "--server", names.server, "--to", "127.0.0.7")
    assert '+   CAA     shop.example       0 issue "letsencrypt.org"' in done.stdout
    assert done.returncode == 2


def test_where_nothing_runs_it_cannot_be_told_who_answers(
    names: NameServer, tenfold: Command
) -> None:
    names.zone("shop.example", NEW)
    done = tenfold("--server", names.server, "--to", "127.0.0.7")
    assert done.returncode == 2
    assert "it does not run in this folder. --records-only leaves that out" in done.stdout


Refusal = Callable[..., str]


@pytest.fixture
def refusal(tenfold: Command, capfd: pytest.CaptureFixture[str]) -> Refusal:
    """What a command is refused with, in this process; the code comes first."""

    def given(*arguments: str) -> str:
        code = main.run(["dns", "--dir", str(tenfold.folder), *arguments])
        return f"{code} {capfd.readouterr().err}"

    return given


def test_what_cannot_be_asked_for(tenfold: Command, refusal: Refusal) -> None:
    for arguments, says in (
        (("--server", "dns.example"), "is no resolver"),
        (("--server", "127.0.0.1:0"), "is no resolver"),
        (("--server", "127.0.0.1:\u0665"), "is no resolver"),
        (("--to", "0.0.0.0"), "no address of a machine"),
        (("--to", "fe80::1%lo"), "no address of a machine"),
        (("--to", "\x1b[31m"), r"--to '\x1b[31m'"),
        (("--to", "127.0.0.1", "--published"), "exclude each other"),
    ):
        said = refusal(*arguments)
        assert said.startswith("2 ")
        assert says in said
    spec = tenfold.folder / "tenfold.toml"
    spec.write_text(TOML.partition("[publish]")[0])
    assert "there is no [publish]" in refusal("--published")
    spec.write_text(TOML.partition("[edge]")[0])
    assert '[edge]  and  domain = "example.org"' in refusal()


def test_nobody_answers(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "TRY_SECONDS", 0.2)
    with lying(lambda _: []) as server:
        said = refusal("--server", server)
    assert said.startswith("1 ")
    assert f"{server} did not answer within 0.4 s" in said


Lie = Callable[[dns.message.Message], Sequence[bytes]]


def answer(question: dns.message.Message, *lines: str) -> dns.message.Message:
    made = dns.message.make_response(question)
    made.flags |= dns.flags.RA
    made.answer = [dns.rrset.from_text(*line.split(None, 4)) for line in lines]
    return made


def circle(question: dns.message.Message) -> list[bytes]:
    lines = ("shop.example. 60 IN CNAME a.example.", "a.example. 60 IN CNAME shop.example.")
    return [answer(question, *lines).to_wire()]


def failing(question: dns.message.Message) -> list[bytes]:
    made = answer(question)
    made.set_rcode(dns.rcode.SERVFAIL)
    return [made.to_wire()]


def cut(question: dns.message.Message) -> list[bytes]:
    made = answer(question)
    made.flags |= dns.flags.TC
    return [made.to_wire()]


def nonsense(question: dns.message.Message) -> list[bytes]:
    seed = random.Random(question.to_wire()[2:])
    wire = answer(question, "shop.example. 60 IN CNAME a.example.").to_wire()
    broken = bytearray(wire)
    for _ in range(6):
        broken[seed.randrange(2, len(broken))] = seed.randrange(256)
    return [b"", b"x", seed.randbytes(40), wire[:14], bytes(broken)]


def denied(question: dns.message.Message) -> list[bytes]:
    made = answer(question, "shop.example. 60 IN A 192.0.2.1")
    made.set_rcode(dns.rcode.NXDOMAIN)
    return [made.to_wire()]


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (circle, "gives CNAMEs that lead round in a circle"),
        (failing, "answers SERVFAIL"),
        (cut, "cannot be asked: "),
        (denied, "answers what makes no sense: "),
    ],
)
def test_a_resolver_that_fails_is_told(lie: Lie, says: str) -> None:
    with lying(lie) as server:
        assert look(server).problem.startswith(says)


def test_a_resolver_that_sends_nonsense_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "TRY_SECONDS", 0.2)
    with lying(nonsense) as server:
        assert look(server, caa=True).problem


def test_records_of_other_names_and_too_many_of_them() -> None:
    def lie(question: dns.message.Message) -> list[bytes]:
        if question.question[0].rdtype != dns.rdatatype.A:
            return [answer(question).to_wire()]
        many = [f"10.0.{n // 250}.{n % 250}" for n in range(2000)]
        made = answer(question, "bank.example. 60 IN A 192.0.2.66")
        made.answer.append(dns.rrset.from_text("shop.example.", 2**31 - 1, "IN", "A", *many))
        return [made.to_wire(max_size=65535)]

    with lying(lie) as server:
        found = look(server)
    assert found.problem == ""
    assert 0 < len(found.records) <= lookup.MOST_RECORDS
    assert "192.0.2.66" not in found.addresses
