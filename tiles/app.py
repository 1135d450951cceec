"""The tile routes as an ASGI application of their own: a framework's routing would cost more than a ready tile.

A tile's tag follows from the versions it shows, so that "not modified" is answered before any tile work; which
versions those are is asked of the database every time, so that a new version shows at once.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg2
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from blueprint.accounts.credentials import Credentials, actor_of, read_credentials
from blueprint.connections import Connections
from blueprint.edge import Edge
from blueprint.errors import BlueprintError, NotSignedInError
from blueprint.permissions import ANONYMOUS, Act, Actor, may
from blueprint.problem import PROBLEM_MEDIA_TYPE, problem_document
from blueprint.sentences import Sentence
from blueprint.sharing.purposes import record_reading
from tiles.addresses import (
    Address,
    BadAddressError,
    DifferenceTile,
    LayerDocument,
    LayerTile,
    NoSuchTileError,
    StyleDocument,
    VersionTile,
    read_address,
)
from tiles.cache import Tile, TileCache
from tiles.documents import Scene, style, tilejson
from tiles.reads import Read, ReadLog
from tiles.vector import (
    STATEMENTS,
    DrawnVersion,
    TileAddress,
    compress,
    cut_difference,
    cut_tile,
    drawn_version,
    find_and_cut,
    find_versions,
    tag_of,
)

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CACHE_BYTES = 128 * 1024 * 1024
_THREADS = (os.cpu_count() or 2) + 2
_LONGEST_S = 30
"""What a tile may cost is bounded by its features; this is the guard."""

_SMALLEST_GZIPPED = 256
_STATUS = {BadAddressError: 400, NoSuchTileError: 404, NotSignedInError: 401}
_MVT = b"application/vnd.mapbox-vector-tile"
_REVALIDATED = "no-cache"
_FOR_EVER = "max-age=31536000, immutable"


@dataclass(frozen=True)
class Asked:
    """What of a request's headers matters here."""

    credentials: Credentials | None
    none_match: str
    takes_gzip: bool


@dataclass(frozen=True)
class Answer:
    """A status, headers and a body, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


@dataclass(frozen=True)
class Pending:
    """An answer whose tile another request is making."""

    tile: "Future[Tile]"
    headers: list[tuple[bytes, bytes]]


class TilesApp:
    """Answers what lies under `/tiles`; close it when the service ends."""

    def __init__(self, edge: Edge, *, cache_bytes: int = _CACHE_BYTES, threads: int = _THREADS) -> None:
        self._edge = edge
        self._connections = Connections(edge.engine, STATEMENTS, part="tiles", timeout_s=_LONGEST_S)
        self._cache = TileCache(cache_bytes)
        self._last_seen: dict[str, DrawnVersion] = {}
        """By layer: what was in force when it was last asked for, to be found so again before it is shown."""
        self._reads = ReadLog(self._tell)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tiles")

    def close(self) -> None:
        """Finish what is under way and give the connections back."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._reads.close()
        self._connections.close()

    def _tell(self, reads: Sequence[Read]) -> None:
        """Write down who read what is not public (Art. 17), and what for."""
        with Session(self._edge.engine) as session, session.begin():
            for read in reads:
                record_reading(
                    session,
                    read.actor,
                    [read.thing],
                    kind="tiles",
                    id=f"{read.thing.layer} v{read.version}",
                    after={"area": read.area, "count": read.count, "began": read.began},
                )

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope)
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> Answer:
        path: str = scope["path"]
        try:
            if scope["method"] not in ("GET", "HEAD"):
                return _problem(
                    405, Sentence("tiles are only read: use GET"), path, [(b"allow", b"GET, HEAD")]
                )
            root: str = scope.get("root_path", "") or "/tiles"
            address = read_address(path.removeprefix(root).removeprefix("/"), scope.get("query_string", b""))
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._work, address, _asked(scope))
            if isinstance(answer, Pending):
                tile = await asyncio.shield(asyncio.wrap_future(answer.tile))
                answer = _tile_answer(tile, answer.headers)
        except BlueprintError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            headers = [(b"www-authenticate", b"Bearer")] if status == 401 else []
            return _problem(status, error.sentence, path, headers)
        except (psycopg2.Error, SQLAlchemyError) as error:
            _log.warning("no tile for %s: %s", path, error)
            return _problem(
                503,
                Sentence("the database does not answer; try again in a moment"),
                path,
                [(b"retry-after", b"5")],
            )
        return answer

    def _work(self, address: Address, asked: Asked) -> Answer | Pending:
        """What needs the database; runs in a thread."""
        if isinstance(address, LayerDocument | StyleDocument):
            return self._document(address, asked)
        return self._tile(address, asked)

    def _document(self, address: LayerDocument | StyleDocument, asked: Asked) -> Answer:
        today = self._edge.now().date()
        with Session(self._edge.engine) as session, session.begin():
            scene = Scene(self._edge.base_url, self._edge.city, today, on=address.on)
            if isinstance(address, StyleDocument):
                description = style(session, scene)
            else:
                description = tilejson(session, address.code, scene, self._actor(asked))
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", _sharing(_REVALIDATED, is_public=description.is_public)),
            (b"vary", b"Authorization, Cookie"),
        ]
        return _finished(200, headers, _json(description.document))

    def _tile(self, address: TileAddress, asked: Asked) -> Answer | Pending:
        actor, now = self._actor(asked), self._edge.now()
        versions = self._versions(address, asked, actor, now.date())
        tag = _tag(versions, address, asked)
        lifetime = _FOR_EVER if isinstance(address, VersionTile | DifferenceTile) else _REVALIDATED
        headers = [
            (b"etag", tag.encode()),
            (b"cache-control", _sharing(lifetime, is_public=all(version.is_public for version in versions))),
            (b"vary", b"Accept-Encoding, Authorization, Cookie"),
        ]
        if _matches(asked.none_match, tag):
            return Answer(304, headers)
        for version in versions:
            if not version.is_public:
                self._reads.note(
                    actor, actor.reader or actor.name, version.thing, version.number, address.at, now
                )
        claim = self._cache.claim(tag)
        if claim.is_maker:
            with self._settling(tag):
                self._cache.keep(tag, _packed(self._cut(address, versions), asked))
        if claim.tile.done():
            return _tile_answer(claim.tile.result(), headers)
        return Pending(claim.tile, headers)

    def _versions(
        self, address: TileAddress, asked: Asked, actor: Actor, today: date
    ) -> Sequence[DrawnVersion]:
        """What the tile shows. Of a layer that was seen before, a tile that is not at hand is cut on the same way to the
        database, of the version seen then: right of that one, and kept as its tile, should it be another's turn by now.
        """
        if not isinstance(address, LayerTile) or address.on is not None:
            return find_versions(self._connections, address, actor, today)
        seen = self._last_seen.get(address.code)
        is_ahead = seen is not None and not asked.none_match and may(actor, Act.READ_LAYER, seen.thing)
        if seen is not None and is_ahead and self._cache.claim(tag := _tag([seen], address, asked)).is_maker:
            with self._settling(tag):
                tile, rows = find_and_cut(self._connections, address, seen, today)
                self._cache.keep(tag, _packed(tile, asked))
            version = drawn_version(rows, address, actor, today)
        else:
            [version] = find_versions(self._connections, address, actor, today)
        self._last_seen[address.code] = version
        return [version]

    @contextmanager
    def _settling(self, tag: str) -> Iterator[None]:
        """A claimed tile that cannot be made is given up, so that nobody waits for it."""
        try:
            yield
        except BaseException as error:
            self._cache.give_up(tag, error)
            raise

    def _cut(self, address: TileAddress, versions: Sequence[DrawnVersion]) -> bytes:
        if isinstance(address, DifferenceTile):
            old, new = versions
            srid = self._edge.city.working_srid
            return cut_difference(self._connections, old, new, address.at, working_srid=srid)
        return cut_tile(self._connections, versions, address.at)

    def _actor(self, asked: Asked) -> Actor:
        if asked.credentials is None:
            return ANONYMOUS
        with Session(self._edge.engine) as session, session.begin():
            return actor_of(session, asked.credentials, city=self._edge.city, now=self._edge.now())


def tiles_app(edge: Edge) -> TilesApp:
    """The ASGI application to be mounted at `/tiles`."""
    return TilesApp(edge)


def _tag(versions: Sequence[DrawnVersion], address: TileAddress, asked: Asked) -> str:
    return f'"{tag_of(versions, address.at)}{"-gz" if asked.takes_gzip else ""}"'


def _packed(tile: bytes, asked: Asked) -> Tile:
    is_gzipped = asked.takes_gzip and len(tile) >= _SMALLEST_GZIPPED
    return Tile(compress(tile) if is_gzipped else tile, is_gzipped)


def _asked(scope: Scope) -> Asked:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    return Asked(
        credentials=read_credentials(
            headers.get(b"authorization", b"").decode("latin-1"),
            headers.get(b"cookie", b"").decode("latin-1"),
        ),
        none_match=headers.get(b"if-none-match", b"").decode("latin-1"),
        takes_gzip=_takes_gzip(headers.get(b"accept-encoding", b"").decode("latin-1")),
    )


def _takes_gzip(header: str) -> bool:
    for coding in header.split(","):
        name, _, weight = coding.strip().lower().partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0").rstrip(".") != "q="
    return False


def _matches(none_match: str, tag: str) -> bool:
    if not none_match:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in none_match.split(",")]
    return tag in candidates or candidates == ["*"]


def _sharing(lifetime: str, *, is_public: bool) -> bytes:
    return f"{'public' if is_public else 'private'}, {lifetime}".encode()


def _tile_answer(tile: Tile, headers: list[tuple[bytes, bytes]]) -> Answer:
    if not tile.body:
        return Answer(204, headers)
    encoding = [(b"content-encoding", b"gzip")] if tile.is_gzipped else []
    return _finished(200, [(b"content-type", _MVT), *encoding, *headers], tile.body)


def _problem(status: int, detail: Sentence, path: str, headers: list[tuple[bytes, bytes]]) -> Answer:
    document = problem_document(status, detail, path)
    return _finished(status, [(b"content-type", PROBLEM_MEDIA_TYPE.encode()), *headers], _json(document))


def _finished(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
    return Answer(status, [*headers, (b"content-length", str(len(body)).encode())], body)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
