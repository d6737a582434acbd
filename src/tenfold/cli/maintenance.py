"""``tenfold maintenance``: have visitors get a page of one's own instead of the app."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.moment import moment
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.maintenance import State, state, switch
from tenfold.engines.nginx.maintenance import Notice
from tenfold.errors import UsageError

MAX_PAGE_BYTES = 256 << 10
MAX_MESSAGE_CHARACTERS = 500
MAX_GUESTS = 256


@command("maintenance")
@click.argument("action", type=click.Choice(["show", "on", "off"]), default="show")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="An HTML file that browsers get, complete in itself; it is copied.",
)
@click.option("-m", "--message", help="What the page that Tenfold brings along says.")
@click.option("--until", help='When it shall end: "14:30", "2026-11-26 14:30", "+45m".')
@click.option(
    "--allow", multiple=True, metavar="ADDRESS", help="Who gets through all the same; repeatable."
)
def maintenance(
    settings: Settings,
    action: str,
    page: Path | None,
    message: str | None,
    until: str | None,
    allow: tuple[str, ...],
) -> None:
    """Answer visitors with 503 and a page, and let them in again.

    No connection fails at either end, and nothing is restarted. It lasts, through restarts, deploys
    and moves, until it is switched off; --until only tells visitors (Retry-After). Health checks
    ([release] health) and the addresses of --allow reach the app meanwhile.

    \b
    tenfold maintenance on --message "New shelves are coming" --until 14:30
    tenfold maintenance on --page sorry.html --allow 203.0.113.7 --allow 198.51.100.0/28
    tenfold maintenance
    tenfold maintenance off
    """
    if action != "on" and (page or message or until or allow):
        raise UsageError("--page, --message, --until and --allow go with  on")
    if action == "show":
        layout = settings.layout()
        found = state(Deployment.open(layout)) if layout.exists() else State(None, 0)
        _show(found, settings.output)
        return
    notice = _notice(page, message, until, allow) if action == "on" else None
    _show(switch(Deployment.existing(settings.layout()), notice), settings.output)


def _notice(
    page: Path | None, message: str | None, until: str | None, allow: tuple[str, ...]
) -> Notice:
    if message is not None and len(message) > MAX_MESSAGE_CHARACTERS:
        raise UsageError(f"the message has more than {MAX_MESSAGE_CHARACTERS} characters")
    end = moment(until, datetime.now().astimezone()) if until else None
    return Notice(
        since=time.time(),
        message=message,
        page=_page(page) if page else None,
        until=end.timestamp() if end else None,
        guests=guests(allow),
    )


def _page(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_PAGE_BYTES:
        raise UsageError(f"{path} has more than {MAX_PAGE_BYTES >> 10} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", next="save it as UTF-8") from None


def guests(allow: tuple[str, ...]) -> tuple[str, ...]:
    """Every address that ``--allow`` names, as nginx writes it.

    Raises:
        UsageError: one is no address, or they are too many.
    """
    found: dict[str, None] = {}
    for text in allow:
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError:
            raise UsageError(
                f'"{text}" is no address', next="write 203.0.113.7, 198.51.100.0/28 or 2001:db8::1"
            ) from None
        if network.num_addresses > MAX_GUESTS:
            raise UsageError(
                f"{text} is more than {MAX_GUESTS} addresses", next="name a smaller network"
            )
        found |= dict.fromkeys(str(address) for address in network)
    if len(found) > MAX_GUESTS:
        raise UsageError(f"--allow names more than {MAX_GUESTS} addresses")
    return tuple(found)


def _show(found: State, output: Output) -> None:
    notice = found.notice
    told = None if notice is None else {**asdict(notice), "page": notice.page is not None}
    output.event("maintenance", {"on": notice is not None, "notice": told, "edges": found.edges})
    if notice is None:
        output.line("maintenance is off: visitors reach the app")
        return
    output.line(sentence(notice), style="bold")
    if notice.guests:
        output.line(f"  who gets through: {', '.join(notice.guests)}")
    if not found.edges:
        output.line("  no edge runs now; it holds from the next  tenfold up  on")
    output.line()
    output.line("Next   tenfold maintenance off")


def sentence(notice: Notice) -> str:
    """Maintenance in one line."""
    since = datetime.fromtimestamp(notice.since).astimezone()
    text = f"maintenance since {since:%d %b %H:%M}: visitors get 503 and a page"
    if notice.until is None:
        return text
    until = datetime.fromtimestamp(notice.until).astimezone()
    passed = " (which is over)" if notice.until < time.time() else ""
    return f"{text}, announced until {until:%d %b %H:%M}{passed}"
