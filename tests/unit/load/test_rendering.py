import json
from dataclasses import replace

from tenfold.load import Comparison, LedgerRecord, LoadReport, compare, comparison_json, render
from tenfold.load.rendering import render_comparison
from tenfold.load.report import (
    FailureCount,
    GeneratorReport,
    Latency,
    LedgerReport,
    RequestReport,
    WriteReport,
    generator_warnings,
)

QUICK = Latency(p50=3.21, p90=5.0, p99=9.87, p999=14.0, max=15.55, mean=3.9)
NONE = Latency(0, 0, 0, 0, 0, 0)


def request(name: str, due: int, failed: int = 0) -> RequestReport:
    failures = (FailureCount("status 502", failed, "<h1>Bad\n Gateway</h1>", 12.34),)
    return RequestReport(
        name=name,
        due=due,
        succeeded=due - failed,
        failed=failed,
        unfinished=0,
        latency_ms=QUICK if due > failed else NONE,
        service_ms=QUICK,
        longest_failed_ms=0.0,
        failures=failures if failed else (),
        failed_share_at_most=None if failed else 3 / due,
    )


REPORT = LoadReport(
    run_id="1f3a9c2e",
    base_url="http://127.0.0.1:8000",
    seed=1,
    arrivals="poisson",
    keep_alive=True,
    duration_seconds=30.0,
    ramp_seconds=2.5,
    elapsed_seconds=30.012,
    stopped_early=False,
    rate_asked=50.0,
    rate_due=47.9,
    rate_answered=47.9,
    overall=request("all", 1437),
    requests=(request("read feed", 1_277), request("write comment", 160)),
    writes=WriteReport(160, 12.0, 3.0, 15.5),
    timeline=(),
    generator=GeneratorReport(0.06, QUICK, not_sent=0, most_in_flight=4),
    ledger=LedgerReport("ledger", 160, 160, 2.0),
    warnings=(),
    comparison=compare(LedgerRecord("1f3a9c2e", dict.fromkeys("abcdef", "acknowledged")), "abcdef"),
)

GOOD = """\
http://127.0.0.1:8000 · 50/s for 30 s (ramp 2.5 s), Poisson arrivals, keep-alive · run 1f3a9c2e

  request          due  failed  p50 ms  p90 ms  p99 ms  p99.9 ms  max ms
  read feed      1,277       0     3.2     5.0     9.9      14.0    15.6
  write comment    160       0     3.2     5.0     9.9      14.0    15.6
  all            1,437       0     3.2     5.0     9.9      14.0    15.6

  failed     0 of 1,437 (below 0.21 % at 95 %)
  rate       47.9/s due, 47.9/s answered over 30.0 s
  writes     160 acknowledged, longest stall 12.0 ms, slowest 15.5 ms
  ledger     160 writes sent, 160 acknowledged and on disk in ledger
  compared   0 lost (below 50 % at 95 %), 0 duplicated (below 50 % at 95 %), 0 of unknown outcome
  generator  6% of a core, sent 9.9 ms late at p99 (max 15.6 ms), 4 in flight at most
"""


def test_a_good_load_is_one_calm_screen() -> None:
    assert render(REPORT) == GOOD


def test_trouble_is_named_with_its_first_example_on_one_line() -> None:
    text = render(
        replace(
            REPORT,
            overall=request("all", 100, failed=100),
            requests=(request("all", 100, failed=100),),
            stopped_early=True,
            warnings=("the generator was the bottleneck",),
        )
    )
    assert "100 x status 502, first at 12.3 s: <h1>Bad Gateway</h1>" in text
    assert "failed     100 of 100\n" in text  # no bound where something did fail
    assert "run 1f3a9c2e, stopped early" in text
    assert text.count("  all") == 1
    assert "       -" in text  # and no percentile of nothing
    assert "the generator was the bottleneck" in text


def trouble(count: int = 1) -> Comparison:
    outcomes = {f"{n:04}": "acknowledged" for n in range(count)}
    record = LedgerRecord("1f3a9c2e", {**outcomes, "u": "unknown", "v": "unknown", "r": "refused"})
    return compare(record, ["u", "u", "r", "stranger"])


def test_lost_and_duplicated_writes_are_named() -> None:
    text = render(replace(REPORT, comparison=trouble(12)))
    assert "12 lost, 1 duplicated, 2 of unknown outcome (1 applied, 1 not)" in text
    assert "1 refused and yet applied, 1 of this run that are not in the ledger" in text
    assert "lost: 0000, 0001, " in text
    assert "0009 and 2 more (--json names them)" in text
    assert "duplicated: u (2 times)" in text


def test_a_comparison_alone_is_rendered_too() -> None:
    text = render_comparison(trouble())
    assert text.startswith("ledger     4 writes sent, 1 acknowledged, 1 refused\n")
    assert "lost: 0000\n" in text


def test_json_counts_all_and_names_the_first_thousand() -> None:
    data = comparison_json(trouble(1_500))
    assert data["counts"]["lost"] == 1_500
    assert data["ids"]["lost"] == [f"{n:04}" for n in range(1_000)]
    assert data["lost_share_at_most"] is None
    assert not data["holds"]


def test_the_report_as_json_has_a_version_and_a_verdict() -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    assert (data["version"], data["ok"]) == (1, True)
    assert data["comparison"]["counts"]["lost"] == 0
    assert replace(REPORT, comparison=trouble()).to_json()["ok"] is False
    assert replace(REPORT, comparison=None).to_json()["comparison"] is None


def test_the_generator_accuses_itself() -> None:
    quiet = GeneratorReport(0.3, replace(QUICK, p99=1.0), not_sent=0, most_in_flight=9)
    assert generator_warnings(quiet) == ()
    late = replace(quiet, lateness_ms=replace(QUICK, p99=12.0))
    busy = replace(quiet, cpu_share=0.95)
    full = replace(quiet, not_sent=7)
    assert "12 ms late" in generator_warnings(late)[0]
    assert "95% of a core" in generator_warnings(busy)[0]
    assert "7 requests were not sent" in generator_warnings(full)[0]
