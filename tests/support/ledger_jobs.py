"""An app with scheduled jobs that write into its database what they did: a ledger of runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support import apps
from tests.support.project import Project

JOB = """
    import os
    import sys
    import time

    import psycopg

    job, seconds, code = os.environ["TENFOLD_JOB"], float(sys.argv[1]), int(sys.argv[2])
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        (row,) = database.execute(
            "insert into runs (job, slot) values (%s, %s) returning id",
            (job, os.environ.get("TENFOLD_SLOT")),
        ).fetchone()
        print("begins", flush=True)
        if seconds < 0:
            while not os.path.exists(os.environ["GO"]):
                time.sleep(0.05)
        time.sleep(max(seconds, 0.0))
        database.execute("update runs set ended = clock_timestamp() where id = %s", (row,))
    print("the end")
    sys.exit(code)
"""

MIGRATION = """
    db.execute(
        "create table if not exists runs (id bigserial primary key, job text, slot timestamptz,"
        " began timestamptz default clock_timestamp(), ended timestamptz)"
    )
"""


def with_jobs(folder: Path, *tables: str) -> Project:
    """The diary, with these jobs: ``"NAME: WORDS OF job.py; KEYS"``."""
    project = apps.diary(folder)
    project.write("job.py", JOB)
    migrate = folder / "migrate.py"
    migrate.write_text(migrate.read_text() + MIGRATION)
    text = ""
    for table in tables:
        name, _, rest = table.partition(": ")
        words, *keys = rest.split("; ")
        text += f'\n[jobs.{name}]\nrun = "python job.py {words}"\n' + "".join(
            f"{key}\n" for key in keys
        )
    with (folder / "tenfold.toml").open("a") as file:
        file.write(f'\n[env]\nGO = "{folder}/go"\n{text}')
    return project


def ledger(project: Project, job: str) -> list[dict[str, Any]]:
    """What the job wrote into the database: ``slot`` (or ``None``) and whether it ``ended``."""
    query = (
        "select coalesce(json_agg(r order by r.id), '[]') from (select id, extract(epoch from slot)"
        f" as slot, ended is not null as ended from runs where job = '{job}') r"
    )
    found = json.loads(project.ok("psql", "--", "-Atc", query))
    assert isinstance(found, list)
    return found


def written(project: Project, job: str) -> Counter[float]:
    """How often the job wrote down each slot."""
    return Counter(row["slot"] for row in ledger(project, job) if row["slot"] is not None)


def history(project: Project, job: str) -> list[dict[str, Any]]:
    """The runs that Tenfold knows of, the oldest first."""
    said = project.ok("jobs", job, "-n", "200", "--json")
    return [json.loads(line) for line in said.splitlines()]


def require_each_slot_once(project: Project, job: str, every: float) -> None:
    """No slot was run twice, and none is missing without a word. Jobs may go on meanwhile."""
    before = written(project, job)
    known = history(project, job)
    after = written(project, job)
    runs = [r for r in known if r["outcome"] != "missed" and r["slot"] is not None]
    slots = [r["slot"] for r in runs]
    assert slots == sorted(set(slots)), "the book has a slot twice"
    twice = {slot: count for slot, count in after.items() if count > 1}
    assert not twice, f"run more than once: {twice}"
    done = {r["slot"] for r in runs if r["outcome"] == "done"}
    assert done <= set(after), "what the book calls done is not in the database"
    strange = {slot for slot in before if slot >= slots[0]} - set(slots)
    assert not strange, "what is in the database is not in the book"
    missed = sum(r["missed"] for r in known)
    dealt = sorted([*slots, *(r["slot"] for r in known if r["outcome"] == "missed")])
    first = min(
        r["slot"] - (r["missed"] - 1 if r["outcome"] == "missed" else 0) * every
        for r in known
        if r["slot"] is not None
    )
    passed = round((dealt[-1] - first) / every) + 1
    assert passed == len(slots) + missed, "a slot is missing without a word"
