"""From the ``[load]`` table to a :class:`LoadPlan`: parse templates, refuse what cannot work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from tenfold.errors import UsageError
from tenfold.load.ids import is_run_id
from tenfold.load.plan import (
    DEFAULT_REQUEST_NOTE,
    EndpointSource,
    LedgerSource,
    LoadPlan,
    RequestPlan,
    SqlSource,
    TableSource,
    UploadPlan,
)
from tenfold.load.source import WrongKey, refusal
from tenfold.load.template import (
    BUILT_IN_NAMES,
    JsonTemplate,
    Template,
    TemplateError,
    names_in,
    parse,
    parse_json,
)
from tenfold.spec.load import LedgerTable, LoadTable, RequestTable, SetupTable, UploadTable
from tenfold.spec.locate import Key


def plan_load(
    table: LoadTable | None,
    *,
    run_id: str,
    rate: float | None = None,
    duration_seconds: float | None = None,
    seed: int | None = None,
    path: Path | None = None,
) -> LoadPlan:
    """The plan of one run; `rate`, `duration_seconds` and `seed` override the table's.

    Without a table, or without requests in it, the plan is GET / and a note that says so.
    A shorter duration than the table's shortens the ramp where it would not fit.

    Raises:
        SpecError: a template that is wrong, a name captured twice, ``ledger = true`` without {id};
            with `path`, the file that the table is from, with its line.
        UsageError: an override or a run id that cannot be.
    """
    if not is_run_id(run_id):
        raise UsageError(f"the run id {run_id!r} is not 8 hexadecimal digits")
    table = table or LoadTable.model_validate({})
    duration = _positive(
        "duration", table.duration_seconds if duration_seconds is None else duration_seconds
    )
    try:
        setup, known = _setup(table)
        requests = _requests(table, known)
        source = _source(table.ledger)
    except WrongKey as wrong:
        raise refusal(wrong, path) from None
    return LoadPlan(
        run_id=run_id,
        seed=table.seed if seed is None else seed,
        rate=_positive("rate", table.rate if rate is None else rate),
        duration_seconds=duration,
        ramp_seconds=min(table.ramp_seconds, duration),
        arrivals=table.arrivals,
        keep_alive=table.connections == "keep-alive",
        max_in_flight=table.max_in_flight,
        timeout_seconds=table.timeout_seconds,
        setup=setup,
        requests=requests,
        source=source,
        notes=() if table.requests else (DEFAULT_REQUEST_NOTE,),
    )


def _positive(key: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise UsageError(f"the {key} of the load is {value}, and has to be above 0")
    return value


def _setup(table: LoadTable) -> tuple[tuple[RequestPlan, ...], frozenset[str]]:
    """The setup requests, and the names known after them; each may use those captured before it."""
    known = BUILT_IN_NAMES
    requests = []
    for index, entry in enumerate(table.setup):
        place: Key = ("load", "setup", index)
        common = _request(entry, known, table.headers, place)
        requests.append(replace(common, capture=tuple(entry.capture.items())))
        for name in entry.capture:
            known |= {_capturable(name, known, (*place, "capture", name))}
    return tuple(requests), known


def _capturable(name: str, known: frozenset[str], place: Key) -> str:
    if not name.isidentifier():
        raise WrongKey(place, f'"{name}" is not a name; use letters, digits and _')
    if name in known:
        raise WrongKey(place, f'"{name}" has a value already; choose another name')
    return name


def _requests(table: LoadTable, known: frozenset[str]) -> tuple[RequestPlan, ...]:
    entries = table.requests or (RequestTable.model_validate({"path": "/"}),)
    return tuple(
        _weighted(entry, known, table.headers, ("load", "requests", index))
        for index, entry in enumerate(entries)
    )


def _weighted(
    entry: RequestTable, known: frozenset[str], headers: Mapping[str, str], place: Key
) -> RequestPlan:
    common = _request(entry, known, headers, place)
    if entry.ledger and "id" not in _names_sent(common):
        raise WrongKey(
            (*place, "ledger"),
            "{id} is not in the path, headers or body of this request, so that its writes could "
            "not be found again; put {id} into a text that the app stores",
        )
    return replace(
        common,
        name=entry.name or common.name,
        weight=entry.weight,
        upload=_upload(entry.upload),
        ledger=entry.ledger,
        read_seconds=entry.read_over_seconds,
    )


def _request(
    entry: SetupTable | RequestTable, known: frozenset[str], headers: Mapping[str, str], place: Key
) -> RequestPlan:
    """What setup requests and those of the load have in common."""
    common = _templates(headers, known, ("load", "headers"))
    own = _templates(entry.headers, known, (*place, "headers"))
    return RequestPlan(
        name=f"{entry.method} {entry.path}",
        method=entry.method,
        path=_template(entry.path, known, (*place, "path")),
        headers=tuple({**common, **own}.items()),
        json=_json(entry.json_body, known, (*place, "json")),
        has_json=entry.json_body is not None,
        form=(
            None
            if entry.form is None
            else tuple(_templates(entry.form, known, (*place, "form")).items())
        ),
        expect=frozenset(entry.expect),
    )


def _names_sent(request: RequestPlan) -> frozenset[str]:
    forms = (template.names for _, template in request.form or ())
    headers = (template.names for _, template in request.headers)
    return frozenset().union(request.path.names, names_in(request.json), *forms, *headers)


def _upload(entry: UploadTable | None) -> UploadPlan | None:
    if entry is None:
        return None
    return UploadPlan(
        size_bytes=entry.size_bytes,
        seconds=entry.over_seconds,
        field=entry.field,
        filename=entry.filename,
        content_type=entry.content_type,
    )


def _source(entry: LedgerTable | None) -> LedgerSource | None:
    if entry is None:
        return None
    if entry.sql is not None:
        return SqlSource(entry.sql, entry.match)
    if entry.endpoint is not None:
        path = _template(entry.endpoint, frozenset({"run"}), ("load", "ledger", "endpoint"))
        return EndpointSource(path, tuple(entry.headers.items()), entry.match)
    assert entry.table is not None
    assert entry.column is not None
    return TableSource(tuple(entry.table.split(".")), entry.column, entry.match)


def _template(text: str, known: frozenset[str], place: Key) -> Template:
    try:
        return parse(text, known)
    except TemplateError as error:
        raise WrongKey(place, str(error)) from error


def _templates(table: Mapping[str, str], known: frozenset[str], place: Key) -> dict[str, Template]:
    return {name: _template(text, known, (*place, name)) for name, text in table.items()}


def _json(value: JsonValue, known: frozenset[str], place: Key) -> JsonTemplate:
    try:
        return parse_json(value, known)
    except TemplateError as error:
        raise WrongKey(place, str(error)) from error
