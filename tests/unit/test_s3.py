"""What errors of buckets mean, by the words of the client that the stores use."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError

from tenfold.s3 import explain

SAYS = "Generic S3 error: Error performing PUT http://127.0.0.1/b/x in 1s, after 3 retries - "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "refused",
        ),
        ("client error with status 401 Unauthorized", "refused"),
        ("<Code>SignatureDoesNotMatch</Code>", "refused"),
        ("Server returned non-2xx status code: 507 Insufficient Storage", "full"),
        ("Server returned non-2xx status code: 500: no free volumes left", "full"),
        ("error sending request: connection refused", "unreachable"),
    ],
)
def test_an_error_is_told_by_what_it_says(text: str, why: str) -> None:
    assert explain(GenericError(SAYS + text), "x")[0] == why


@pytest.mark.parametrize("number", ["401", "403", "507"])
def test_a_number_in_an_identifier_is_no_status(number: str) -> None:
    text = (
        f"{SAYS}status code: 500 Internal Server Error: <RequestId>18{number}7{number}</RequestId>"
    )
    why, what, _ = explain(GenericError(text), "x")
    assert why == "unreachable"
    assert "500 Internal Server Error" in what
