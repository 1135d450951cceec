"""What a route is given: session, actor, clock and city, set up by `service` on the application's state."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint import tokens
from blueprint.accounts.credentials import actor_of, credentials_of, refuse_foreign
from blueprint.accounts.provider import Provider
from blueprint.accounts.sealing import Sealer
from blueprint.city import City
from blueprint.connections import Asked
from blueprint.permissions import ANONYMOUS, Actor
from blueprint.wall import enter, viewer_of
from blueprint.working_days import WorkingCalendar


@dataclass(frozen=True)
class Edge:
    """What the application was started with; `clock` gives the instant, aware of its time zone."""

    engine: Engine
    city: City
    clock: Callable[[], datetime]
    base_url: str
    scratch: Path
    sealer: Sealer = field(default_factory=Sealer)
    provider: Provider | None = None
    """Where people sign in besides here (OpenID Connect), if anywhere."""
    objects: Path | None = None
    """Where original files are kept by their SHA-256."""

    @property
    def calendar(self) -> WorkingCalendar:
        """The city's working-day calendar."""
        return self.city.calendar

    def now(self) -> datetime:
        """The instant in the city's time zone."""
        return self.clock().astimezone(ZoneInfo(self.city.time_zone))


# What only looks something up is async: a sync dependency costs a change of threads. And each takes the request rather
# than another dependency where it can: solving the tree of them is a fifth of what the framework takes of a small check.


async def _edge(request: Request) -> Edge:
    return edge_of(request)


def edge_of(request: Request) -> Edge:
    """What the application that a request came to was started with."""
    edge: Edge = request.app.state.edge
    return edge


_READING = frozenset({"GET", "HEAD", "OPTIONS"})
EdgeDep = Annotated[Edge, Depends(_edge)]


async def _session(request: Request) -> AsyncIterator[Session]:
    session = Session(edge_of(request).engine, expire_on_commit=False)
    try:
        yield session
    except BaseException:
        await run_in_threadpool(session.close)
        raise
    if session.in_transaction():
        await run_in_threadpool(_commit, session)


def _commit(session: Session) -> None:
    with session:
        session.commit()


SessionDep = Annotated[Session, Depends(_session, scope="function")]
"""One request is one transaction, committed before the answer goes out (hence the scope), by the route itself or else here."""


async def _actor(request: Request, session: SessionDep) -> Actor:
    if credentials_of(request.headers) is None:
        return ANONYMOUS
    return await run_in_threadpool(who_asks, request, session)


def ask_ahead(request: Request) -> Asked | None:
    """Have it looked up who a request is from, while the route reads what was sent; for `who_asks`."""
    given = credentials_of(request.headers)
    if given is None or given.is_session:
        return None
    return tokens.ask_ahead(request.app.state.beside, given.text, now=edge_of(request).now())


def who_asks(request: Request, session: Session, asked: Asked | None = None) -> Actor:
    """Who a request is from; the session is for them from here on. Asks the database, once a request.

    A route that takes this instead of `ActorDep` saves a change of threads, and asks in the one that has the connection.
    """
    known: Actor | None = getattr(request.state, "actor", None)
    if known is not None:
        return known
    given = credentials_of(request.headers)
    if given is None:
        return ANONYMOUS
    if given.is_session and request.method not in _READING:
        refuse_foreign(given.text, request.headers)
    edge = edge_of(request)
    actor = actor_of(session, given, city=edge.city, now=edge.now(), asked=asked)
    enter(session, viewer_of(actor))
    request.state.actor = actor
    return actor


ActorDep = Annotated[Actor, Depends(_actor)]


async def _city(request: Request) -> City:
    return edge_of(request).city


async def _now(request: Request) -> datetime:
    return edge_of(request).now()


async def _today(request: Request) -> date:
    return edge_of(request).now().date()


CityDep = Annotated[City, Depends(_city)]
NowDep = Annotated[datetime, Depends(_now)]
TodayDep = Annotated[date, Depends(_today)]
