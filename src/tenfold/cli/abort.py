"""``tenfold abort``: give up a move before its switch."""

from __future__ import annotations

from tenfold.cli import host as hosting
from tenfold.cli import restored
from tenfold.cli.base import Settings, command
from tenfold.cli.moving import move
from tenfold.transitions import way


@command("abort")
def abort(settings: Settings) -> None:
    """Give up a move, or a restore, that was not switched yet: remove what was prepared for it.

    \b
    tenfold abort
    """
    if restored.goes_on(settings, "abort") or hosting.goes_on(settings, "abort"):
        return
    move(settings, "abort", way.abort, running=False)
