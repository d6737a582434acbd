import email
import email.policy
import json
from typing import Any
from urllib.parse import parse_qs

from tenfold.load import plan_load
from tenfold.load.compose import Prepared, StreamedFile, compose
from tenfold.spec.load import LoadTable

VALUES = {"id": "1f3a9c2e0000002a", "n": 42, "run": "1f3a9c2e"}


def prepared(**request: Any) -> Prepared:
    table = LoadTable.model_validate({"requests": [{"path": "/", **request}]})
    plan = plan_load(table, run_id="1f3a9c2e")
    return compose(plan.requests[0], VALUES, lambda options: options[0])


def test_a_plain_get_has_no_body() -> None:
    assert prepared(path="/a?b=c") == Prepared("GET", "/a?b=c", {}, None)


def test_values_in_the_path_are_percent_encoded_and_the_path_itself_is_kept() -> None:
    request = prepared(path="/ü ber/{choice:a/b ?&|x}?q=%20{choice:ü&|x}")
    assert request.path == "/%C3%BC%20ber/a%2Fb%20%3F%26?q=%20%C3%BC%26"


def test_json_is_filled_in_and_announced() -> None:
    request = prepared(method="POST", json={"body": 'say "{id}"', "n": "{n}"})
    assert isinstance(request.body, bytes)
    assert json.loads(request.body) == {"body": 'say "1f3a9c2e0000002a"', "n": 42}
    assert request.headers == {"content-type": "application/json"}


def test_json_null_is_no_body_and_false_is_one() -> None:
    assert prepared(method="POST").body is None
    assert prepared(method="POST", json=False).body == b"false"


def test_a_form_is_encoded() -> None:
    request = prepared(method="POST", form={"a b": "ü&{id}", "c": ""})
    assert isinstance(request.body, bytes)
    fields = parse_qs(request.body.decode(), keep_blank_values=True)
    assert fields == {"a b": ["ü&1f3a9c2e0000002a"], "c": [""]}
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_own_headers_are_filled_in_and_win() -> None:
    headers = {"Content-Type": "application/vnd.api+json", "X-Id": "{id}"}
    request = prepared(method="POST", json={}, headers=headers)
    assert request.headers == {"content-type": "application/vnd.api+json", "x-id": VALUES["id"]}


def test_a_raw_upload_is_the_whole_body() -> None:
    upload = {"size": "64KiB", "over": "2s", "content_type": "image/png"}
    request = prepared(method="PUT", upload=upload)
    assert request.body == StreamedFile(b"", 65_536, b"", 2.0)
    assert request.headers == {"content-type": "image/png", "content-length": "65536"}


def test_a_multipart_upload_is_read_by_a_parser_as_its_fields_and_its_file() -> None:
    upload = {"size": "3B", "field": "photo", "filename": "a.png", "content_type": "image/png"}
    request = prepared(method="POST", form={"title": "é {id}"}, upload=upload)
    assert isinstance(request.body, StreamedFile)
    body = request.body.before + b"\x00\x01\x02" + request.body.after
    assert request.headers["content-length"] == str(len(body))
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    title, photo = message.iter_parts()
    assert title.get_param("name", header="content-disposition") == "title"
    assert title.get_payload(decode=True) == "é 1f3a9c2e0000002a".encode()
    assert photo.get_filename() == "a.png"
    assert photo.get_content_type() == "image/png"
    assert photo.get_payload(decode=True) == b"\x00\x01\x02"
