"""The pictures that people uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse

from conduit.errors import NotFound
from conduit.media import NAME

router = APIRouter()


@router.get("/media/{name}")
async def picture(name: Annotated[str, PathParameter(pattern=NAME)], request: Request) -> Response:
    """A picture. Its name is never used again for another one, so it may be kept for ever."""
    directory: Path = request.app.state.settings.media_dir
    if not (directory / name).is_file():
        raise NotFound("picture")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(directory / name, media_type="image/jpeg", headers=headers)
