"""Open-loop load on any app, and the ledger that proves what became of its writes.

::

    plan = plan_load(table, run_id=new_run_id())
    with Ledger(path, plan.run_id) as ledger:
        report = await run_load(plan, "http://127.0.0.1:8000", ledger=ledger)
    report = report.compared(await judge(path, plan.source, dsn=dsn))
    print(render(report))
"""

from tenfold.load.comparison import Comparison, at_most_share, compare
from tenfold.load.engine import Progress
from tenfold.load.ids import new_run_id
from tenfold.load.judging import judge, require_judgeable
from tenfold.load.ledger import Ledger
from tenfold.load.loop import new_loop
from tenfold.load.plan import LoadPlan
from tenfold.load.planning import plan_load
from tenfold.load.record import LedgerRecord, read_ledger
from tenfold.load.rendering import render, render_comparison
from tenfold.load.report import LoadReport, comparison_json
from tenfold.load.run import run_load
from tenfold.load.source import load_table_from

__all__ = [
    "Comparison",
    "Ledger",
    "LedgerRecord",
    "LoadPlan",
    "LoadReport",
    "Progress",
    "at_most_share",
    "compare",
    "comparison_json",
    "judge",
    "load_table_from",
    "new_loop",
    "new_run_id",
    "plan_load",
    "read_ledger",
    "render",
    "render_comparison",
    "require_judgeable",
    "run_load",
]
