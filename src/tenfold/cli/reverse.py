"""``tenfold reverse``: take a switch back."""

from __future__ import annotations

from tenfold.cli import restored
from tenfold.cli.base import Settings, command
from tenfold.cli.moving import move
from tenfold.transitions import way


@command("reverse")
def reverse(settings: Settings) -> None:
    """Take the last switch between stages back, as live as it was made.

    Everything that users wrote since is kept: the old side has followed the new one. Afterwards
    the new side follows the old one, and  grow  makes the switch again.

    After  db restore  it has the data of before lead again, without what was written since; that
    stays beside it until  complete.

    \b
    tenfold reverse
    """
    if restored.goes_on(settings, "reverse"):
        return
    move(settings, "reverse", way.reverse)
