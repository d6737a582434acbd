"""A page that describes the API, made from its own OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from conduit.pages.session import BriefPage

router = APIRouter()


@router.get("/docs")
async def reference(request: Request, page: BriefPage) -> Response:
    """The API, endpoint by endpoint."""
    document: dict[str, Any] = request.app.openapi()
    return page.render(
        "reference.html", groups=_groups(document), origin=str(request.base_url).rstrip("/")
    )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by their last tag, in the order in which the document has them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            entry = {
                "method": method.upper(),
                "path": path,
                "text": operation.get("description", operation["summary"]),
                "parameters": [p for p in operation.get("parameters", []) if p["in"] == "query"],
                "answers": sorted(operation["responses"]),
            }
            groups.setdefault(operation["tags"][-1], []).append(entry)
    return groups
