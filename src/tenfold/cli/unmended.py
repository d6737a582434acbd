"""What a drill left broken and nobody could mend, for commands that go on all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tenfold.cli.output import Output
from tenfold.errors import TenfoldError


def telling(output: Output) -> Callable[[TenfoldError], None]:
    """Says it, in lines of their own."""
    return partial(_tell, output)


def _tell(output: Output, fault: TenfoldError) -> None:
    output.event("unmended", {"what": fault.what, "next": fault.next, "detail": fault.detail})
    for line in (fault.what, *(fault.next or "").splitlines()):
        output.line(f"  ! {line.strip()}", style="yellow")
