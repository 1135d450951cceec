"""A small city on tiles: a few layers of every kind and class, read over HTTP from a database of its own."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import shapely
from fastapi import FastAPI
from pyproj import Transformer
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.tokens import issue_token
from tests.made import ORIGIN, publish, square
from tiles.app import TilesApp

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """What the tests of the tile routes share."""

    city: City
    engine: Engine
    app: TilesApp
    client: TestClient
    owner_token: str
    other_token: str

    def session(self) -> Session:
        """A session whose work is committed with `begin`."""
        return Session(self.engine)

    def tile_of(self, east_m: float, north_m: float, z: int) -> tuple[int, int]:
        """The column and row of the tile in which a place (local metres) lies."""
        to_mercator = Transformer.from_crs(self.city.working_crs, "EPSG:3857", always_xy=True)
        x, y = to_mercator.transform(ORIGIN[0] + east_m, ORIGIN[1] + north_m)
        half, side = 20_037_508.342789244, 40_075_016.685578488 / 2**z
        return int((x + half) // side), int((half - y) // side)


@pytest.fixture(scope="module")
def world(server, template: str, city: City) -> Iterator[World]:
    """Layers on a database of the module's own."""
    database = f"{template}_tiles_{secrets.token_hex(4)}"
    engine = make_engine(server.create(database, template=template))
    edge = Edge(engine, city, lambda: NOW, "https://blueprint.example", Path("/nonexistent"))
    app = TilesApp(edge)
    routes = FastAPI()
    routes.mount("/tiles", app)
    owner, other = city.departments[0].code, _without_role(city)
    with Session(engine) as session, session.begin():
        _publish_all(session, city, owner)
        owner_token = issue_token(session, department=owner, city=city, now=NOW)
        other_token = issue_token(session, department=other, city=city, now=NOW)
    try:
        with TestClient(routes) as client:
            yield World(city, engine, app, client, owner_token, other_token)
    finally:
        app.close()
        engine.dispose()
        server.drop(database)


def _publish_all(session: Session, city: City, owner: str) -> None:
    names = [{"MC": "东地块", "YSDM": "2090020100"}, {"MC": "西地块"}]
    publish(
        session, city, "zoning", [square(0, 0, 100), square(300, 0, 100)], attributes=names, title="控制性详细规划",
        label_field="MC", control="restrict", color="#123456", department=owner,
    )  # fmt: skip
    publish(
        session,
        city,
        "rail",
        [shapely.LineString([(0, 0), (500, 500)])],
        control="prohibit",
        department=owner,
    )
    publish(session, city, "wells", [shapely.Point(50, 50)], control="inform", department=owner)
    publish(session, city, "pipes", [square(0, 0, 50)], sensitivity="internal", department=owner)
    publish(session, city, "bunkers", [square(0, 0, 50)], sensitivity="restricted", department=owner)
    publish(session, city, "planned", [square(0, 0, 50)], starts_on=None, department=owner)
    publish(session, city, "future", [square(0, 0, 50)], starts_on=date(2027, 1, 1), department=owner)


def _without_role(city: City) -> str:
    """A department that neither owns the layers nor keeps the blueprint."""
    return next(d.code for d in city.departments[1:] if d.role == "opinion")
