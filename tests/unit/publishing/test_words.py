"""A publication in words, and what others' words mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.publishing import packing, words
from tenfold.publishing.git import says
from tenfold.publishing.model import Changes, File, Kept, Publication, kept_from, moment
from tenfold.publishing.ssh.says import failure
from tenfold.publishing.ssh.session import Answer

FILES = {f"{n}.html": File("d", n, b"") for n in range(30)}


def test_a_summary_is_one_sentence() -> None:
    changes = Changes(new=("1.html",), changed=("2.html", "3.html"), gone=("x",), same=9997)
    assert words.summary(changes, FILES) == "1 new, 2 changed, 1 gone, 9,997 stay"
    assert words.summary(Changes(same=30), FILES) == "nothing would change: 30 files"


def test_a_long_list_is_cut() -> None:
    rows = words.lines(Changes(new=tuple(FILES)), FILES)
    assert len(rows) == words.MOST_LINES + 1
    assert rows[-1][1] == "and 10 more"
    assert len(words.lines(Changes(new=tuple(FILES)), FILES, most=None)) == 30


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (15_000, "15 KiB"), (5 << 30, "5.0 GiB")],
)
def test_sizes(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("! [remote rejected] c -> gh-pages (pre-receive hook declined)", "refuses the push"),
        ("! [rejected] c -> gh-pages (stale info)", "somebody else changed the branch"),
        ("Host key verification failed.", "host's key is not the one"),
        ("git@github.com: Permission denied (publickey).", "does not know our ssh key"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "no token"),
        ("fatal: Authentication failed for 'https://x/'", "refuses the token"),
        ("remote: Permission to a/b.git denied to c.", "refuses the token"),
        ("ERROR: Repository not found.", "no such repository"),
        ("fatal: '/srv/x.git' does not appear to be a git repository", "no such repository"),
        ("ssh: Could not resolve hostname x: Name or service not known", "no host of that name"),
        ("ssh: connect to host x port 22: Connection refused", "cannot be reached"),
        ("error: file big.zip exceeds GitHub's file size limit of 100.00 MB", "larger than"),
        ("something else", "git failed"),
    ],
)
def test_what_git_says(said: str, why: str) -> None:
    assert why in says.meaning(said).why


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (255, "Host key verification failed.", "known_hosts"),
        (255, "u@h: Permission denied (publickey).", "knows none of our ssh keys"),
        (255, "ssh: Could not resolve hostname h: Name or service not known", "no host of that"),
        (255, "ssh: connect to host h port 22: Connection refused", "cannot be reached"),
        (255, "", "broke off"),
        (72, "tar: site/x: Cannot write: No space left on device", "no room left"),
        (2, "mkdir: cannot create directory 'x': Permission denied", "may not write there"),
        (76, "there is no flock", "a program is missing"),
        (127, "sh: not found", "runs no commands"),
        (1, "This service allows sftp connections only. not allowed", "runs no commands"),
        (9, "odd", "did not work"),
    ],
)
def test_what_ssh_says(code: int, said: str, why: str) -> None:
    error = failure("ssh://h/srv", Answer(code, b"", said))
    assert why in error.what
    assert error.next


def test_a_manifest_comes_back_as_it_was() -> None:
    kept = Kept(Publication("20261126-211122.123-abcdef", 1.5, 1, 5), {"a b/ü.html": "d" * 64})
    assert kept_from(kept.to_bytes()) == kept


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "id": "../x", "manifest": {}}',
                b'{"format":1,"id":"20261126-211122.123-abcdef","manifest":{"a":1}}',
                b'{"format":1,"id":"20261126-211122.123-abcdef","manifest":{"a":"x"}}',
                b'{"format":1,"id":"20261126-211122.123-abcdef","manifest":{"../a":"%b"}}'
                % (b"d" * 64)]
)  # fmt: skip
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json or of ours
        kept_from(content)


def test_what_a_server_says_is_nothing_that_a_terminal_obeys() -> None:
    said = "remote: \x1b]0;owned\x07no\n! [remote rejected] a -> b (hook declined)"
    assert "\x1b" not in says.evidence(said)
    assert "\x1b" not in str(failure("ssh://h/srv", Answer(1, b"", said)).detail)


@given(st.binary(max_size=2000))
def test_what_was_packed_comes_back(content: bytes) -> None:
    assert packing.unpacked(packing.packed(content)) == content


def test_what_is_packed_without_end_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="longer than any manifest"):
        packing.unpacked(packing.packed(b"0" * 1_000_000), 1000)
    with pytest.raises(ValueError, match="its end lacks"):
        packing.unpacked(packing.packed(b"0" * 1000)[:-5])
    with pytest.raises(ValueError, match="damaged"):
        packing.unpacked(b"no gzip")


def test_an_id_says_when() -> None:
    assert moment("19700102-000001.250-abcdef") == 86_401.25
