"""What git's words mean, for people. Pure.

The words are those of git 2.20 to 2.47 in the C locale, of OpenSSH, and of what GitHub and GitLab
answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tenfold.publishing.names import shown

_MOST_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Meaning:
    """Why it failed, and what to do."""

    why: str
    next: str
    moved: bool = False


_MEANS: Final[tuple[tuple[str, Meaning], ...]] = (
    (
        r"stale info|fetch first|non-fast-forward|cannot lock ref .* but expected"
        r"|incorrect old value",
        Meaning("somebody else changed the branch meanwhile", "", moved=True),
    ),
    (
        r"hook declined|protected branch|GH006|not allowed to (push|force)|deny updating",
        Meaning(
            "the remote refuses the push",
            "its words say why; a branch of its own, [publish] branch, may be pushed to",
        ),
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        Meaning(
            "the host's key is not the one in known_hosts, or it is not in there",
            "connect once by hand with ssh, and compare the key with what the host publishes",
        ),
    ),
    (
        r"Permission denied \(|publickey",
        Meaning(
            "the host does not know our ssh key",
            "add your key there, or load it:  ssh-add -l  shows those that ssh offers",
        ),
    ),
    (
        r"could not read (Username|Password)|terminal prompts disabled|unable to read askpass",
        Meaning(
            "the host asks who we are, and there is no token",
            'give one, that may write to the repository:  [publish] token = "${GIT_TOKEN}"',
        ),
    ),
    (
        r"Authentication failed|invalid credentials|error: 401|error: 403|HTTP Basic: Access denied"
        r"|Permission to .* denied",
        Meaning(
            "the host refuses the token",
            "give one that is valid and may write to the repository's contents",
        ),
    ),
    (
        r"error: 404|[Rr]epository .*not found|does not appear to be a git repository"
        r"|not found in upstream|Project not found|does not exist",
        Meaning(
            "there is no such repository, or whoever publishes may not see it",
            "make it, or correct [publish] to",
        ),
    ),
    (
        r"unable to update url base from redirection|redirect",
        Meaning(
            "the host sends us elsewhere, and no token is sent where nobody named",
            "write the address that it moved to in [publish] to",
        ),
    ),
    (
        r"No space left on device|[Dd]isk quota exceeded|unpack.*failed",
        Meaning("the remote has no room left", "make room there"),
    ),
    (
        r"exceeds .* file size limit|GH001|Large files detected",
        Meaning("a file is larger than the host takes", "leave it out, or put it in a bucket"),
    ),
    (
        r"Could not resolve host|Name or service not known|Temporary failure in name resolution",
        Meaning("there is no host of that name", "correct [publish] to, or look at the network"),
    ),
    (
        r"SSL|certificate",
        Meaning("the host's certificate is not valid", "see that it is the host you mean"),
    ),
    (
        r"Connection refused|Connection timed out|Failed to connect|Network is unreachable"
        r"|Operation too slow|Connection reset|did not end within|Connection closed|hung up",
        Meaning("it cannot be reached", "see that it runs, and that the network is there"),
    ),
)


def meaning(said: str) -> Meaning:
    """What it means, or that it failed."""
    for pattern, meant in _MEANS:
        if re.search(pattern, said):
            return meant
    return Meaning("git failed", "its words say why")


def evidence(said: str) -> str:
    """The lines that a person needs, without advice, progress and what a terminal would obey."""
    lines = [line.rstrip() for line in said.splitlines()]
    told = [
        line
        for line in lines
        if line and not line.startswith(("hint:", "To ", "Done", "Everything up-to-date"))
    ]
    return "\n".join(shown(line) for line in told[-_MOST_LINES:])
