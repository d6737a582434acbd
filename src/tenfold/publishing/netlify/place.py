"""Netlify as a place. A deploy is served when its last content arrived: whole or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from tenfold.errors import PublishError
from tenfold.publishing import names
from tenfold.publishing.model import Algorithm, Changes, Publication, Sent, Site, Standing
from tenfold.publishing.netlify.api import Api
from tenfold.publishing.place import Listener
from tenfold.publishing.scan import content_of
from tenfold.secret import Secret

ENDPOINT: Final = "https://api.netlify.com"
AT_ONCE: Final = 12
READY_SECONDS: Final = 900.0
MOST_DEPLOYS: Final = 50
_FIRST_LOOK_SECONDS: Final = 0.1
_LAST_LOOK_SECONDS: Final = 2.0
_Made = TypeVar("_Made")


class NetlifyPlace:
    """See :class:`tenfold.publishing.place.Place`.

    Args:
        site: its name, its id, or a domain of it.
        token: of whoever publishes.
        endpoint: of the API.
    """

    algorithm: Algorithm = "sha1"
    extra: Mapping[str, bytes] = {}

    def __init__(self, site: str, token: Secret, *, endpoint: str = ENDPOINT) -> None:
        # A name alone is the start of the site's own domain; ids are UUIDs.
        named = "." in site or (site.count("-") == 4 and len(site) == 36)
        self._site = quote(site if named else f"{site}.netlify.app", safe="")
        self._where = f"netlify:{site}"
        self._token = token
        self._endpoint = endpoint

    @property
    def where(self) -> str:
        """See the protocol."""
        return self._where

    def problem(self, path: str, size: int) -> str | None:
        """See the protocol."""
        return names.at_netlify(path)

    def look(self, listener: Listener) -> Standing:
        """See the protocol."""
        return self._run(self._look())

    def publish(
        self,
        site: Site,
        changes: Changes,
        standing: Standing,
        publication: Publication,
        listener: Listener,
    ) -> Sent:
        """See the protocol."""
        return self._run(self._publish(site, standing, publication, listener))

    def back(self, to: Publication, standing: Standing, listener: Listener) -> None:
        """See the protocol."""
        listener.doing(f"putting {to.id} back")
        self._run(self._back(to, standing))

    def _run(self, work: Coroutine[Any, Any, _Made]) -> _Made:
        return asyncio.run(work)

    def _api(self) -> Api:
        return Api(self._endpoint, self._token, self._where)

    async def _look(self) -> Standing:
        async with self._api() as api:
            served = await self._served(api)
            deploys = await api.get(f"/sites/{self._site}/deploys?per_page={MOST_DEPLOYS}")
            files = await api.pages(f"/sites/{self._site}/files") if served else []
        ready = [
            _publication(one)
            for one in deploys or []
            if one.get("state") == "ready"
            and one.get("context", "production") == "production"
            and str(one.get("id")).isalnum()
        ]
        return Standing(
            manifest={str(f["path"]).lstrip("/"): str(f["sha"]) for f in files},
            current=next((one for one in ready if one.id == served), None),
            kept=tuple(one for one in ready if one.id != served),
            mark=served,
        )

    async def _publish(
        self, site: Site, standing: Standing, publication: Publication, listener: Listener
    ) -> Sent:
        async with self._api() as api:
            await self._require_still(api, standing.mark)
            listener.doing(f"telling {self._where} what there shall be")
            files = {f"/{path}": file.digest for path, file in site.files.items()}
            title = quote(f"Tenfold {publication.id}", safe="")
            deploy = await api.post(
                f"/sites/{self._site}/deploys?title={title}", {"files": files, "async": True}
            )
            id_ = _id(deploy)
            try:
                sent = await self._uploaded(api, id_, site, standing, listener)
                listener.doing(f"waiting until {self._where} serves it")
                await self._until(api, id_, ("ready",))
            except BaseException:
                await self._cancelled(api, id_)
                raise
            served = await self._served(api)
        if served != id_:
            raise PublishError(
                f"{self._where}: the deploy {id_} is there, and {served or 'none'} is served",
                changed="nothing that people see",
                next="its auto publishing is stopped (Netlify, Deploys), or somebody else published"
                f"\ntenfold publish --back {id_}   has it served",
            )
        return Sent(sent.files, sent.bytes, id_)

    async def _uploaded(
        self, api: Api, id_: str, site: Site, standing: Standing, listener: Listener
    ) -> Sent:
        """Send every content that is asked for; the last one when it is sure that nobody else
        published meanwhile, for with it the deploy is served."""
        deploy = await self._until(api, id_, ("prepared", "uploading", "uploaded", "ready"))
        by_digest = {file.digest: path for path, file in site.files.items()}
        wanted = [digest for digest in deploy.get("required") or [] if digest in by_digest]
        size = done = 0
        limit = asyncio.Semaphore(AT_ONCE)

        async def send(digest: str) -> None:
            nonlocal size, done
            path = by_digest[digest]
            async with limit:
                content = content_of(path, site.files[path], site.algorithm)
                await api.put(f"/deploys/{id_}/files/{quote(path)}", content)
            size, done = size + len(content), done + 1
            listener.sent(done, len(wanted))

        await _all([send(digest) for digest in wanted[:-1]])
        for digest in wanted[-1:]:
            await self._require_still(api, standing.mark)
            await send(digest)
        return Sent(len(wanted), size)

    async def _back(self, to: Publication, standing: Standing) -> None:
        async with self._api() as api:
            await self._require_still(api, standing.mark)
            await api.post(f"/sites/{self._site}/deploys/{quote(to.id, safe='')}/restore", {})
            deadline = time.monotonic() + READY_SECONDS
            pause = _FIRST_LOOK_SECONDS
            while await self._served(api) != to.id:
                if time.monotonic() > deadline:
                    raise PublishError(f"{self._where} does not serve {to.id}, as it was told to")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_LOOK_SECONDS)

    async def _until(self, api: Api, id_: str, states: tuple[str, ...]) -> dict[str, Any]:
        """The deploy, once it is in one of these states."""
        deadline = time.monotonic() + READY_SECONDS
        pause = _FIRST_LOOK_SECONDS
        while True:
            deploy: dict[str, Any] = await api.get(f"/sites/{self._site}/deploys/{id_}")
            state = deploy.get("state")
            if state in states:
                return deploy
            if state in ("error", "rejected"):
                raise PublishError(
                    f"{self._where}: Netlify gave the deploy up:"
                    f" {names.shown(str(deploy.get('error_message')))[:300]}",
                    changed="nothing: what was published before is served",
                    next="publish again; Netlify's page of the deploy says more",
                )
            if time.monotonic() > deadline:
                raise PublishError(
                    f"{self._where}: the deploy {id_} is still {state} after"
                    f" {READY_SECONDS / 60:g} min",
                    changed="nothing: what was published before is served",
                    next="look at Netlify's status page, then publish again",
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK_SECONDS)

    async def _require_still(self, api: Api, mark: str) -> None:
        if await self._served(api) != mark:
            raise PublishError(
                f"{self._where}: somebody else published there meanwhile",
                changed="nothing: what they published is served",
                next="tenfold publish --dry-run   shows what is there now; then publish again",
            )

    async def _served(self, api: Api) -> str:
        site = await api.get(f"/sites/{self._site}")
        published = site.get("published_deploy") or {}
        return str(published.get("id") or "")

    async def _cancelled(self, api: Api, id_: str) -> None:
        """Tell Netlify not to wait. It would not serve it anyhow, so what is told is the failure
        that led here, with this one as a note."""
        try:
            await api.post(f"/deploys/{id_}/cancel", {})
        except PublishError as error:
            failure = error.__context__
            if isinstance(failure, BaseException):
                failure.add_note(f"the deploy {id_} was not cancelled: {error.what}")


async def _all(works: list[Coroutine[Any, Any, None]]) -> None:
    """Do all of it side by side; the first failure ends the others, and is the one that is told."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _id(deploy: Any) -> str:
    found = deploy.get("id") if isinstance(deploy, dict) else None
    if not isinstance(found, str) or not found.isalnum():
        raise PublishError("Netlify named no deploy", changed="nothing", next="publish again")
    return found


def _publication(deploy: Mapping[str, Any]) -> Publication:
    text = str(deploy.get("published_at") or deploy.get("created_at") or "")
    try:
        at = datetime.fromisoformat(text).timestamp()
    except ValueError:
        at = -1.0
    return Publication(str(deploy.get("id")), at)
