"""What an answer over ssh means, for people. Pure."""

from __future__ import annotations

import re
from typing import Final

from tenfold.errors import PublishError
from tenfold.publishing.names import shown
from tenfold.publishing.ssh import scripts
from tenfold.publishing.ssh.session import LOST, Answer

UNTOUCHED: Final = "nothing: what was published before is served"
_MOST_LINES: Final = 8
_OF_SCRIPTS: Final = {
    scripts.MOVED: (
        "somebody else published there meanwhile",
        "tenfold publish --dry-run   shows what is there now; then publish again",
    ),
    scripts.BUSY: ("somebody else publishes there right now", "wait for that, then publish again"),
    scripts.NOT_A_LINK: (
        "current is there, and is no link",
        "move it away, or publish to another directory",
    ),
    scripts.LACKS: ("a program is missing there", "install it on that machine"),
    scripts.DAMAGED: (
        "what arrived is not what was sent",
        "publish again; if it stays so, look at that machine's disk",
    ),
    scripts.NO_PARENT: (
        "the directory cannot be made there",
        "make it, writable for the user that publishes",
    ),
    scripts.GONE: (
        "that publication is not there any more",
        "tenfold publish --list   shows what is",
    ),
}
_OF_SSH: Final = (
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|key is known",
        "the host's key is not the one in known_hosts, or it is not in there",
        "connect once by hand with ssh, and compare the key with the one that the machine has",
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        "the host does not let us in: it knows none of our ssh keys",
        "add your key there, or load it:  ssh-add -l  shows those that ssh offers",
    ),
    (
        r"Could not resolve hostname",
        "there is no host of that name",
        "correct [publish] to, or look at the network",
    ),
    (
        r"Connection refused|timed out|No route to host|Network is unreachable",
        "it cannot be reached",
        "see that it runs, and that its port is the one in [publish] to",
    ),
)
_NO_ROOM = r"No space left on device|[Dd]isk quota exceeded|File too large"
_NO_RIGHT = r"Permission denied|Read-only file system|Operation not permitted"


def failure(where: str, answer: Answer) -> PublishError:
    """The error that an answer stands for."""
    why, next_ = _meaning(answer)
    return PublishError(
        f"{where}: {why}", changed=UNTOUCHED, next=next_, detail=_evidence(answer.said)
    )


def _meaning(answer: Answer) -> tuple[str, str]:
    if answer.code == LOST:
        for pattern, why, next_ in _OF_SSH:
            if re.search(pattern, answer.said):
                return why, next_
        return (
            "the connection broke off",
            "publish again: what was sent so far is thrown away there, nothing of it is served",
        )
    if re.search(_NO_ROOM, answer.said):
        return "there is no room left on its disk", "make room there, or let [publish] keep be less"
    if answer.code in _OF_SCRIPTS:
        return _OF_SCRIPTS[answer.code]
    if re.search(_NO_RIGHT, answer.said):
        return (
            "the user may not write there",
            "let the user of [publish] to write into that directory",
        )
    if answer.code in (126, 127) or "not allowed" in answer.said:
        return "it runs no commands", "publish to an account with a shell: sftp alone is not enough"
    return "it did not work there", "its words say why"


def _evidence(said: str) -> str | None:
    lines = [line.rstrip() for line in said.splitlines() if line.strip(" @")]
    return "\n".join(shown(line) for line in lines[-_MOST_LINES:]) or None
