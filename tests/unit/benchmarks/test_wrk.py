from __future__ import annotations

import pytest
from benchmarks.wrk import Burst, read

REPORT = """Running 5s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.39ms    1.20ms  20.31ms   88.00%
    Req/Sec     5.97k   512.00     6.80k    70.00%
  29742 requests in 5.00s, 4.79MB read
Requests/sec:   5945.31
Transfer/sec:      0.96MB
"""


def test_the_rate_and_the_share_of_a_core() -> None:
    assert read(REPORT, 1.0, 5.0) == Burst(5945.31, 0, 0.2)


def test_answers_that_are_no_answers_count_as_errors() -> None:
    failed = REPORT.replace(
        "Requests/sec",
        "  Socket errors: connect 1, read 2, write 0, timeout 3\n"
        "  Non-2xx or 3xx responses: 10\nRequests/sec",
    )
    assert read(failed, 1.0, 5.0).errors == 16


def test_no_report_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        read("unable to connect to 127.0.0.1:8000 Connection refused\n", 0.1, 5.0)
