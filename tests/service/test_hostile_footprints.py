"""The live check against hostile GeoJSON and hostile queries: one clear sentence each, in time, and the service lives.

`BLUEPRINT_MUTATIONS=20000` sends more mutated documents than the suite does.
"""

import copy
import json
import math
import os
import random
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from blueprint.city import City
from service.settings import Settings
from tests.badfiles import LAT, LON, lonlat_square, polygon
from tests.made import publish, square
from tests.service.conftest import Server, serving

MUTATIONS = int(os.environ.get("BLUEPRINT_MUTATIONS", "150"))
SLOWEST_S = 60.0
"""No answer takes longer, whatever was sent; the largest are megabytes, on a busy machine."""

RING = lonlat_square()


@pytest.fixture(scope="module")
def place(make_database: Any, city: City) -> Iterator[Server]:
    """A service with a layer that lies where the tests' square is."""
    with make_database() as url, serving(url, city, Settings()) as running:
        with Session(running.edge.engine) as session, session.begin():
            publish(session, city, "PLAN", [square(-5_000, -5_000, 10_000)])
        yield running


def _star(count: int, turn: int) -> list[list[float]]:
    points = [
        [
            LON + 0.005 * math.cos(2 * math.pi * n * turn / count),
            LAT + 0.005 * math.sin(2 * math.pi * n * turn / count),
        ]
        for n in range(count)
    ]
    return [*points, points[0]]


def _nested(depth: int) -> str:
    return '{"type":"GeometryCollection","geometries":[' * depth + json.dumps(polygon(RING)) + "]}" * depth


def _crs(name: Any) -> dict[str, Any]:
    return polygon(RING) | {"crs": {"type": "name", "properties": {"name": name}}}


def _spike() -> list[list[float]]:
    a, b, c, d, e = lonlat_square()
    return [a, b, [b[0] + 0.01, b[1]], b, c, d, e]


def _feature(geometry: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": None, "geometry": geometry} | more


HOLE = [
    [LON + x, LAT + y]
    for x, y in ((0.0002, 0.0002), (0.0002, 0.0004), (0.0004, 0.0004), (0.0004, 0.0002), (0.0002, 0.0002))
]
OUTSIDE_HOLE = [[x + 0.01, y] for x, y in HOLE]
INNER_HOLE = [
    [LON + x, LAT + y]
    for x, y in (
        (0.00025, 0.00025),
        (0.00025, 0.0003),
        (0.0003, 0.0003),
        (0.0003, 0.00025),
        (0.00025, 0.00025),
    )
]
GARDEN: dict[str, Any] = {
    "nothing": "",
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "a text": '"POLYGON((0 0,1 0,1 1,0 0))"',
    "an empty object": {},
    "no JSON": "{type: Polygon}",
    "cut off": json.dumps(polygon(RING))[:-9],
    "NaN": json.dumps(polygon(RING)).replace(str(LON), "NaN", 1),
    "infinite": json.dumps(polygon(RING)).replace(str(LON), "1e999", 1),
    "minus infinite": json.dumps(polygon(RING)).replace(str(LON), "-Infinity", 1),
    "huge": json.dumps(polygon(RING)).replace(str(LON), "1e300", 1),
    "huge whole number": json.dumps(polygon(RING)).replace(str(LON), "9" * 400, 1),
    "digits beyond the limit": json.dumps(polygon(RING)).replace(str(LON), "9" * 5000, 1),
    "tiny": json.dumps(polygon(RING)).replace(str(LON), "1e-320", 1),
    "texts for numbers": json.dumps(polygon(RING)).replace(str(LON), f'"{LON}"'),
    "true for a number": json.dumps(polygon(RING)).replace(str(LON), "true", 1),
    "null for a number": json.dumps(polygon(RING)).replace(str(LON), "null", 1),
    "an object for a number": json.dumps(polygon(RING)).replace(str(LON), "{}", 1),
    "three dimensions": polygon([[x, y, 12.5] for x, y in RING]),
    "four dimensions": polygon([[x, y, 12.5, 3.0] for x, y in RING]),
    "nine dimensions": polygon([[x, y, *range(7)] for x, y in RING]),
    "mixed dimensions": polygon([[x, y, *([1.0] * (n % 2))] for n, (x, y) in enumerate(RING)]),
    "one dimension": polygon([[x] for x, _ in RING]),
    "no dimension": polygon([[] for _ in RING]),
    "Z is NaN": json.dumps(polygon([[x, y, 7.25] for x, y in RING])).replace("7.25", "NaN"),
    "Z is infinite": json.dumps(polygon([[x, y, 7.25] for x, y in RING])).replace("7.25", "1e999"),
    "no rings": {"type": "Polygon", "coordinates": []},
    "an empty ring": {"type": "Polygon", "coordinates": [[]]},
    "an empty multipolygon": {"type": "MultiPolygon", "coordinates": []},
    "a multipolygon of nothing": {"type": "MultiPolygon", "coordinates": [[], [[]]]},
    "no coordinates": {"type": "Polygon"},
    "coordinates null": {"type": "Polygon", "coordinates": None},
    "coordinates an object": {"type": "Polygon", "coordinates": {"0": RING}},
    "a ring too shallow": {"type": "Polygon", "coordinates": RING},
    "a ring too deep": {"type": "Polygon", "coordinates": [[RING]]},
    "an unknown type": {"type": "Curve", "coordinates": [RING]},
    "a type in small letters": {"type": "polygon", "coordinates": [RING]},
    "a type that is a list": {"type": ["Polygon"], "coordinates": [RING]},
    "a collection": {"type": "GeometryCollection", "geometries": [polygon(RING)]},
    "an empty collection": {"type": "GeometryCollection", "geometries": []},
    "collections nested 50 deep": _nested(50),
    "collections nested 5000 deep": _nested(5_000),
    "a list nested 100000 deep": '{"type":"Polygon","coordinates":' + "[" * 100_000 + "]" * 100_000 + "}",
    "features null": {"type": "FeatureCollection", "features": None},
    "features of nothing": {"type": "FeatureCollection", "features": [None, 1, "x", {}, {"geometry": None}]},
    "features without a type": {"type": "FeatureCollection", "features": [{"geometry": polygon(RING)}]},
    "a feature of features": _feature(_feature(polygon(RING))),
    "a geometry that is a text": _feature("POLYGON EMPTY"),
    "a geometry that is a list": _feature([polygon(RING)]),
    "an open ring": polygon(RING[:-1]),
    "two points": polygon(RING[:2]),
    "one point": polygon(RING[:1]),
    "one point four times": polygon(RING[:1] * 4),
    "points on a line": polygon([[LON + 0.001 * n, LAT] for n in (0, 1, 2, 0)]),
    "a bow tie": polygon([RING[0], RING[2], RING[1], RING[3], RING[0]]),
    "a spike without width": polygon(_spike()),
    "there and back": polygon([*RING, *RING[::-1]]),
    "twice around": polygon([*RING[:-1], *RING]),
    "a hole outside": polygon(RING, OUTSIDE_HOLE),
    "a hole in a hole": polygon(RING, HOLE, INNER_HOLE),
    "a hole twice": polygon(RING, HOLE, HOLE),
    "a hole as large": polygon(RING, RING[::-1]),
    "a hole without area": polygon(RING, HOLE[:1] * 4),
    "a thousand holes alike": polygon(RING, *[HOLE] * 1000),
    "the same part a thousand times": {"type": "MultiPolygon", "coordinates": [[RING]] * 1000},
    "a star of 101": polygon(_star(101, 50)),
    "a star of 2001": polygon(_star(2001, 1000)),
    "across the antimeridian": polygon([[179.9, 40], [-179.9, 40], [-179.9, 41], [179.9, 41], [179.9, 40]]),
    "around the pole": polygon([[0, 89], [90, 89], [180, 89], [-90, 89], [0, 89]]),
    "the whole earth": polygon([[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]),
    "beyond the pole": polygon([[LON, 91], [LON + 1, 91], [LON + 1, 92], [LON, 91]]),
    "swapped": polygon([[y, x] for x, y in RING]),
    "metres as degrees": polygon([[500_000, 4_550_000], [500_100, 4_550_000], [500_100, 4_550_100], [500_000, 4_550_000]]),
    "less than a square millimetre": polygon([[LON, LAT], [LON + 1e-9, LAT], [LON, LAT + 1e-9], [LON, LAT]]),
    "nothing by rounding": polygon([[LON, LAT], [LON + 1e-15, LAT], [LON, LAT + 1e-15], [LON, LAT]]),
    "an unknown crs": _crs("EPSG:999999"),
    "a crs of another kind": _crs("EPSG:5773"),
    "a crs that is a number": _crs(4550),
    "a crs that is a path": _crs("/etc/passwd"),
    "a crs that is a pipeline": _crs("+proj=pipeline +step +proj=unitconvert +xy_in=rad +xy_out=deg"),
    "a crs at an address": polygon(RING) | {"crs": {"type": "link", "properties": {"href": "http://127.0.0.1:1/x"}}},
    "a crs of another datum": _crs("EPSG:4610"),
    "a crs with a height": _crs("EPSG:4979"),
    "a local crs": _crs('LOCAL_CS["x",UNIT["metre",1]]'),
    "a crs of a megabyte": _crs("+proj=longlat " * 70_000),
    "a crs that is a list": polygon(RING) | {"crs": []},
    "a crs that is a text": polygon(RING) | {"crs": "EPSG:4550"},
    "keys twice": f'{{"type":"Polygon","coordinates":{json.dumps([RING])},"coordinates":{json.dumps([[[0, 0]] * 4])}}}',
    "a type twice": f'{{"type":"Point","type":"Polygon","coordinates":{json.dumps([RING])}}}',
    "a line": {"type": "LineString", "coordinates": RING},
    "a point": {"type": "Point", "coordinates": RING[0]},
    "a line and an area": {
        "type": "FeatureCollection",
        "features": [_feature(polygon(RING)), _feature({"type": "LineString", "coordinates": RING})],
    },
    "NUL in a name": _feature(polygon(RING), properties={"name": "a\x00b"}),
    "half a character": '{"type":"Polygon","coordinates":' + json.dumps([RING]) + ',"name":"\\ud800"}',
    "a type of half a character": '{"type":"\\ud800","coordinates":[]}',
    "a crs of half a character": '{"type":"Polygon","coordinates":' + json.dumps([RING]) + ',"crs":{"properties":{"name":"\\ud800"}}}',
    "no UTF-8": b'{"type":"\xff\xfe"}',
    "UTF-16": json.dumps(polygon(RING)).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(polygon(RING)).encode(),
    "a vertex more than may be": polygon([[LON + 0.00001 * (n % 2), LAT + 1e-8 * n] for n in range(20_002)]),
    "a million vertices": {"type": "Polygon", "coordinates": [[[LON, LAT]] * 1_000_000]},
    "a hundred thousand features": {"type": "FeatureCollection", "features": [_feature(polygon(RING))] * 4_000},
}  # fmt: skip

QUERIES: list[dict[str, Any]] = [
    {"on": "2026-02-30"}, {"on": "yesterday"}, {"on": "0001-01-01"}, {"on": "9999-12-31"}, {"on": "２０２６-01-01"}, {"on": "\x00"},
    {"on": ""}, {"on": "2026-01-01T00:00:00"}, {"on": "1e9"},
    {"crs": "EPSG:999999"}, {"crs": ""}, {"crs": "x" * 5000}, {"crs": "EPSG:4550\x00"}, {"crs": "/etc/passwd"}, {"crs": "EPSG:4326+5773"},
    {"crs": "+proj=longlat +datum=WGS84"}, {"crs": "EPSG:4550"}, {"crs": "EPSG:4499"}, {"crs": "IGNF:LAMB93"}, {"crs": "http://127.0.0.1:1"},
    {"crs": "{}"}, {"crs": "PROJCS["}, {"crs": "4550"}, {"crs": "EPSG:-1"}, {"crs": "EPSG:" + "9" * 90}, {"crs": "\ud7ff"},
    {"width_m": "NaN"}, {"width_m": "inf"}, {"width_m": -1}, {"width_m": 0}, {"width_m": 1e308}, {"width_m": "10"}, {"width_m": "ten"},
    {"width_m": 1e-300}, {"use": "07'--"}, {"use": "070"}, {"use": "०७"}, {"use": ""}, {"use": "99"}, {"use": "07" * 500},
    {"top_m": "NaN"}, {"top_m": 1e9}, {"top_m": "-inf"}, {"top_m": -500}, {"top_m": "0x10"},
    {"assume": "PLAN"}, {"assume": "PLAN:0"}, {"assume": "PLAN:99999999999999999999"}, {"assume": "PLAN:1' OR 1=1"}, {"assume": ":1"},
    {"assume": "PLAN:９"}, {"assume": ["PLAN:1", "PLAN:1"]}, {"assume": [f"L{n}:1" for n in range(50)]}, {"assume": "NOTHING:1"}, {"assume": "\x00:1"},
    {"keep": "maybe"}, {"keep": "true", "assume": "PLAN:1"}, {"keep": 2}, {"name": "\x00"}, {"name": "n" * 3000}, {"f": "exe"}, {"f": "JSON"},
    {"f": "pdf", "name": "../../etc"}, {"nothing": "1"}, {"f": ["json", "html"]},
]  # fmt: skip


def _content(document: Any) -> bytes:
    if isinstance(document, bytes):
        return document
    return (document if isinstance(document, str) else json.dumps(document)).encode("utf-8", "surrogatepass")


def _told(answer: httpx.Response, about: object) -> None:
    """An answer is a report, or one sentence by RFC 9457 in both languages."""
    assert answer.status_code < 500, (about, answer.text[:500])
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"].startswith("application/problem+json"), (about, answer.text[:300])
    problem = answer.json()
    assert problem["status"] == answer.status_code
    detail = problem["detail"]
    assert 5 < len(detail) < 600 and "\n" not in detail, (about, detail)
    assert not re.search(r"Traceback|psycopg|sqlalchemy|shapely\.|GEOS|pydantic|0x[0-9a-f]{6}", detail), (
        about,
        detail,
    )


def _asked(client: httpx.Client, content: bytes, about: object, **query: Any) -> httpx.Response:
    started = time.monotonic()
    answer = client.post(
        "/api/checks", content=content, params=query, headers={"Content-Type": "application/geo+json"}
    )
    assert time.monotonic() - started < SLOWEST_S, about
    _told(answer, about)
    return answer


def test_hostile_geojson_is_a_report_or_a_sentence(place: Server):
    with place.client() as client:
        answers = {name: _asked(client, _content(given), name) for name, given in GARDEN.items()}
        assert _asked(client, _content(polygon(RING)), "the square").status_code == 200
    areas = {name: a.json()["footprint"]["area_m2"] for name, a in answers.items() if a.status_code == 200}
    # What is taken is the square, whatever stands beside it.
    alike = {
        "three dimensions",
        "four dimensions",
        "mixed dimensions",
        "an open ring",
        "the same part a thousand times",
    }
    right = _area(place)
    assert all(areas[name] == pytest.approx(right, abs=0.01) for name in alike & areas.keys())


def _area(place: Server) -> float:
    with place.client() as client:
        return float(_asked(client, _content(polygon(RING)), "").json()["footprint"]["area_m2"])


def test_hostile_queries_are_a_report_or_a_sentence(place: Server):
    with place.client() as client:
        for query in QUERIES:
            _asked(client, _content(polygon(RING)), query, **query)
        assert _asked(client, _content(polygon(RING)), "the square").status_code == 200


ODD = (
    None,
    True,
    "",
    "x",
    -1,
    0,
    1e308,
    -1e-308,
    [],
    {},
    [[]],
    "NaN",
    91,
    181,
    10**400,
    "\x00",
    [None],
    {"type": "Point"},
    LON,
    LAT,
)


def _mutated(document: Any, chance: random.Random) -> Any:
    """The document with one place in it changed, left out, doubled or swapped for another."""
    copied = copy.deepcopy(document)
    places: list[tuple[Any, Any]] = []
    left = [copied]
    while left:
        node = left.pop()
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            left.append(node[key])
    node, key = chance.choice(places)
    match chance.randrange(6):
        case 0:
            node[key] = chance.choice(ODD)
        case 1:
            del node[key]
        case 2 if isinstance(node, list):
            node.insert(key, copy.deepcopy(node[key]))
        case 3:
            other, at = chance.choice(places)
            node[key] = copy.deepcopy(other[at])
        case 4 if isinstance(node[key], float):
            node[key] += chance.choice([1e-12, 1e-6, 1e-3, 1.0])
        case _:
            if isinstance(node[key], list):
                chance.shuffle(node[key])
    return copied


def test_mutated_geojson_is_a_report_or_a_sentence(place: Server):
    chance = random.Random(20_261_127)
    seeds = [
        polygon(RING), {"type": "Polygon", "coordinates": [RING, HOLE]}, _feature(polygon(RING)), _crs("EPSG:4490"),
        {"type": "FeatureCollection", "features": [_feature(polygon(RING)), _feature({"type": "MultiPolygon", "coordinates": [[RING], [OUTSIDE_HOLE]]})]},
    ]  # fmt: skip
    with place.client() as client:
        for number in range(MUTATIONS):
            document = chance.choice(seeds)
            for _ in range(chance.randrange(1, 4)):
                document = _mutated(document, chance)
                if not isinstance(document, dict) or not document:
                    break
            try:
                content = _content(document)
            except ValueError:  # more digits than Python writes
                continue
            query = {"width_m": 8} if chance.random() < 0.1 else {}
            _asked(client, content, (number, content[:2000]), **query)
        assert _asked(client, _content(polygon(RING)), "the square").status_code == 200
