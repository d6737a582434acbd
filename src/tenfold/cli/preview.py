"""Stage 1 in the foreground: pages are made anew whenever the project changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from tenfold.cli.output import Output, show_error
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import work
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.exporting import default_folder
from tenfold.errors import TenfoldError
from tenfold.release.source import survey
from tenfold.state.layout import Layout

LOOK_SECONDS = 0.5
MOST_IN_A_ROW = 4
SHARE = 20.0
"""Looking takes at most one part in so many of a core."""

Seen = Mapping[str, tuple[int, int]]


class Watch:
    """What of a project's files was seen last; an export's own folders do not count."""

    def __init__(self, layout: Layout, output_of_the_build: str | None) -> None:
        self._project = layout.project
        self._without = tuple(filter(None, (default_folder(layout), output_of_the_build)))
        self.pause_seconds = LOOK_SECONDS
        self._last = self._look()

    def changed(self) -> bool:
        """Whether something is different than at the last look."""
        before, self._last = self._last, self._look()
        return before != self._last

    def _look(self) -> Seen:
        began = time.monotonic()
        try:
            files = survey(self._project, self._without).files
        except TenfoldError:  # told by the export that comes of it
            return {}
        found = {}
        for name in files:
            try:
                stat = (self._project / name).lstat()
            except OSError:  # gone since
                continue
            found[name] = (stat.st_size, stat.st_mtime_ns)
        self.pause_seconds = max(LOOK_SECONDS, (time.monotonic() - began) * SHARE)
        return found


@dataclass
class Preview:
    """What goes on in the foreground at stage 1."""

    deployment: Deployment
    output: Output
    watch: Watch
    wait_seconds: float

    def look(self) -> None:
        """Have a change of the project be shown, if there is one."""
        for _ in range(MOST_IN_A_ROW):
            if not self.watch.changed():
                return
            self._remake()
        # A build that writes into the project every time is no change of somebody's.
        self.watch.changed()

    def _remake(self) -> None:
        """Show the pages anew. An error is told, and what is shown stays."""
        deployment, output = self.deployment, self.output
        try:
            with deployment.lock.hold("tenfold up", wait_seconds=self.wait_seconds):
                intent = work.with_new_pages(deployment, work.intend(deployment))
                todo = work.plan(deployment, "deploy", intent)
                with PlanProgress(output) as progress:
                    work.carry_out(deployment, todo, intent, progress)
        except TenfoldError as error:
            show_error(error, json_lines=output.json, environment=deployment.layout.environment)
            words = "shown is what was made before; the next change is tried again"
            output.line(words, style="yellow")
