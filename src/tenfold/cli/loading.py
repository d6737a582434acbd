"""Where a load goes, where its ledger is kept, and which database it is compared with."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenfold.cli.first_answer import edge_addresses
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.reporting import load_folder
from tenfold.deployment.work import serving
from tenfold.engines.postgresql.external import driverless
from tenfold.errors import LoadError, Refused, UsageError
from tenfold.secret import Secret

if TYPE_CHECKING:
    from tenfold.load.client import At
    from tenfold.state.layout import Layout

NAME_A_SITE = "tenfold up, or name a site with --url"
NAME_A_FILE = "--ledger FILE    keeps it elsewhere"


class Reach(NamedTuple):
    """Whom the load may reach, and at which addresses if not at those of the name."""

    allow_remote: bool
    at: At


@dataclass(frozen=True, slots=True)
class Place:
    """The site, and what this machine knows of it.

    Attributes:
        site: ``None`` where there is none, which only a comparison through SQL can do without.
        app: what is deployed here, if anything is.
        given: the address of the database to compare with, where it is not the app's own.
        figures: the folder to tell the load's figures in, where the load is on this app.
        options: what of the command line leads to the same place again.
    """

    site: str | None
    reach: Reach
    app: Layout | None
    given: Secret | None
    figures: Path | None
    options: tuple[str, ...]

    def new_ledger(self) -> Path:
        """A path for the ledger of the run that begins now; its folder is made.

        Raises:
            LoadError: the folder cannot be made.
        """
        folder = Path("ledgers") if self.app is None else self.app.state / "ledgers"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise LoadError(
                f"{folder} cannot be made: {error.strerror}", next=NAME_A_FILE
            ) from error
        return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}.ledger"

    def compare_again(self, ledger: Path) -> str:
        """The command that compares a ledger as this one does."""
        return shlex.join(("tenfold", "load", "--compare", str(ledger), *self.options))

    @property
    def moves(self) -> bool:
        """Whether the database to compare with is one that a command may be moving."""
        return self.given is None and self.app is not None

    def dsn(self) -> Secret | None:
        """The database to compare with, as of now: a move may lead to another one at any time.

        Raises:
            Refused: it would be this app's, and no release serves.
        """
        if self.given is not None or self.app is None:
            return self.given
        return _own_database(Deployment.open(self.app))


def place(
    layout: Layout,
    *,
    url: str | None,
    allow_remote: bool,
    dsn_env: str | None,
    needs_site: bool,
) -> Place:
    """The place that the options mean. With `url` the app need never have been brought up.

    Raises:
        Refused: a site is needed, none is named, and this app does not run.
        UsageError: the variable `dsn_env` has no address in it.
    """
    given = None if dsn_env is None else _from_environment(dsn_env)
    options = (
        *(() if url is None else ("--url", url)),
        *(("--allow-remote",) if allow_remote else ()),
        *(() if dsn_env is None else ("--check-dsn-env", dsn_env)),
    )
    if not layout.exists():
        if url is None and needs_site:
            raise Refused(f"{layout.name} was never brought up", next=NAME_A_SITE)
        return Place(url, Reach(allow_remote, ()), None, given, None, options)
    now = Deployment.open(layout).status()
    own = None if now.state == "stopped" else now.url
    if url is None and own is None and needs_site:
        raise Refused(f"{now.title} does not run", next=NAME_A_SITE)
    return Place(
        site=url or own,
        # The edges of this very deployment, also where its name leads elsewhere from here.
        reach=Reach(allow_remote, edge_addresses(now) if url is None else ()),
        app=layout,
        given=given,
        figures=load_folder(layout) if (url or own) == now.url else None,
        options=options,
    )


def _from_environment(name: str) -> Secret:
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name} has no database address in it")
    return Secret(os.environ[name])


def _own_database(deployment: Deployment) -> Secret | None:
    """The app's database, if this deployment has one that runs."""
    intent = serving(deployment)
    if intent.database_url is not None:
        return driverless(intent.database_url)
    database = intent.blueprint.document.databases.get("main")
    if database is None:
        return None
    return Secret(database.url(intent.blueprint.secrets["main.app"].reveal()))
