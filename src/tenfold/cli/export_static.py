"""``tenfold export static``: a generator's site or the app's own pages, as static files."""

from __future__ import annotations

from pathlib import Path

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.import_progress import ImportProgress
from tenfold.cli.output import Output
from tenfold.deployment.exporting import Exported, Request, export
from tenfold.errors import Interrupted
from tenfold.export.findings import WORDS, Finding, Kind, Report
from tenfold.export.folder import UNTOUCHED
from tenfold.observe.report.figures import count, size

SHOWN = 8
"""So many findings of a kind are shown; --json has them all."""


@command("static")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder; default: dist in the app's folder. It is replaced as a whole.",
)
@click.option("--strict", is_flag=True, help="Fail where there is something to look at.")
@click.option("--once", is_flag=True, help="Make each page once; do not look whether it is static.")
@click.option("--replace", is_flag=True, help="Let go of files there that no export wrote.")
def static(settings: Settings, into: Path | None, strict: bool, once: bool, replace: bool) -> None:
    """Write a static site, for a host that serves files: the app's own pages, or a generator's.

    Which pages, [static] says in tenfold.toml: paths, patterns, what they link to, a sitemap. They
    are asked for in the app's own process, without a server; no site needs to run. What the pages
    show, static files, redirects and the page for what is not there come along. With [static]
    build, that command makes the site instead (Jekyll, Hugo, Next.js, any other), and what it
    writes to output is copied. All of it takes the place of an earlier export at once, or nothing
    changes.

    \b
    tenfold export static
    tenfold export static --strict
    tenfold export static --into /tmp/look && python3 -m http.server -d /tmp/look
    """
    output = settings.output
    request = Request(into=into, twice=not once, strict=strict, replace=replace)
    try:
        with ImportProgress(output) as progress:
            made = export(settings.layout(), request, progress)
    except KeyboardInterrupt:
        raise _interrupted() from None
    output.event("exported", _as_json(made))
    _show(made, output)


def _show(made: Exported, output: Output) -> None:
    report = made.report
    output.line()
    output.columns([(name, figure) for name, figure in _figures(made) if figure])
    for kind in WORDS:
        found = report.of(kind)
        if found:
            output.line()
            _show_findings(kind, found, output)
    output.line()
    problems = len(report.problems)
    end = f" · {count(problems, 'thing')} to look at" if problems else ""
    of = f" · release {made.release}" if made.release is not None else ""
    output.line(f"{made.title}{of} · {made.folder}{end}", style="bold")


def _figures(made: Exported) -> list[tuple[str, str]]:
    report, other = made.report, "other file" if made.release is None else "other answer"
    kinds = [
        count(report.pages, "page"),
        count(report.others, other) if report.others else "",
        count(report.assets, "static file") if report.assets else "",
        count(report.redirects, "redirect") if report.redirects else "",
        "a page for what is not there" if report.not_found else "",
    ]
    return [
        ("exported", ", ".join(filter(None, kinds))),
        ("written", f"{count(report.files, 'file')}, {size(report.bytes)}"),
        ("static", "each page was the same a second time" if _same(report) else ""),
    ]


def _same(report: Report) -> bool:
    return report.looked_twice and not report.of("differs")


def _show_findings(kind: Kind, found: tuple[Finding, ...], output: Output) -> None:
    one, many = WORDS[kind]
    output.line(f"{count(len(found), one, many)}", style="yellow" if kind != "note" else None)
    output.columns([(f.subject, _told(f)) for f in found[:SHOWN]])
    if len(found) > SHOWN:
        output.line(f"  and {len(found) - SHOWN:,} more; --json tells all of them", style="dim")


def _told(finding: Finding) -> str:
    if not finding.sources:
        return finding.text
    more = finding.count - len(finding.sources)
    named = ", ".join(finding.sources) + (f" and {more:,} more" if more > 0 else "")
    return f"{finding.text}; on {named}"


def _as_json(made: Exported) -> dict[str, object]:
    report = made.report
    return {
        "app": made.title,
        "source": "build" if made.release is None else "pages",
        "release": made.release,
        "folder": str(made.folder),
        "pages": report.pages,
        "others": report.others,
        "assets": report.assets,
        "redirects": report.redirects,
        "files": report.files,
        "bytes": report.bytes,
        "not_found": report.not_found,
        "looked_twice": report.looked_twice,
        "seconds": round(report.seconds, 3),
        "findings": [
            {
                "kind": f.kind,
                "subject": f.subject,
                "text": f.text,
                "sources": list(f.sources),
                "count": f.count,
            }
            for f in report.findings
        ],
    }


def _interrupted() -> Interrupted:
    error = Interrupted("export static")
    error.changed = UNTOUCHED
    error.next = "tenfold export static   again begins anew"
    return error
