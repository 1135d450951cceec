import json
import re

import jsonschema
import mapbox_vector_tile
import pytest

from blueprint.standards.loading import standards
from tests.made import publish, square
from tests.tiles.conftest import World
from tiles.documents import COLORS

TILEJSON = {
    "type": "object",
    "required": ["tilejson", "tiles", "vector_layers"],
    "properties": {
        "tilejson": {"const": "3.0.0"},
        "tiles": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": r"^https://.*\{z\}.*\{x\}.*\{y\}"},
        },
        "minzoom": {"type": "integer", "minimum": 0, "maximum": 30},
        "maxzoom": {"type": "integer", "minimum": 0, "maximum": 30},
        "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}},
        "scheme": {"enum": ["xyz", "tms"]},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "vector_layers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "fields"],
                "properties": {"fields": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
        },
    },
}
"""What TileJSON 3.0.0 asks for."""


def test_the_tilejson_of_a_layer_says_what_its_tiles_hold(world: World):
    response = world.client.get("/tiles/zoning.json")

    document = response.json()
    jsonschema.validate(document, TILEJSON)
    assert document["name"] == "控制性详细规划"
    assert "限制" in document["description"]
    assert document["tiles"] == ["https://blueprint.example/tiles/zoning/{z}/{x}/{y}.mvt"]
    (layer,) = document["vector_layers"]
    assert layer["id"] == "zoning"
    assert set(layer["fields"]) == {"label", "source_id", "class_code"}
    west, south, east, north = document["bounds"]
    assert 122.9 < west < east < 123.1
    assert 41.0 < south < north < 41.2
    assert response.headers["cache-control"] == "public, no-cache"


def test_the_tilejson_of_a_day_leads_to_the_tiles_of_that_day(world: World):
    document = world.client.get("/tiles/zoning.json", params={"on": "2024-05-01"}).json()

    assert document["tiles"][0].endswith("{y}.mvt?on=2024-05-01")


def test_the_tilejson_of_a_layer_that_is_not_public_is_for_its_readers(world: World):
    headers = {"authorization": f"Bearer {world.other_token}"}

    response = world.client.get("/tiles/pipes.json", headers=headers)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-cache"


def test_the_style_draws_every_public_layer_in_force_and_no_other(world: World):
    style = world.client.get("/tiles/style.json").json()

    assert style["version"] == 8
    drawn = {layer["source-layer"] for layer in style["layers"] if "source-layer" in layer}
    assert {"zoning", "rail", "wells"} <= drawn
    assert not {"pipes", "bunkers", "planned", "future"} & drawn
    ids = [layer["id"] for layer in style["layers"]]
    assert len(ids) == len(set(ids))
    assert {layer["source"] for layer in style["layers"] if "source" in layer} == set(style["sources"])


def test_the_style_asks_no_other_site_for_anything(world: World):
    body = world.client.get("/tiles/style.json").text

    assert re.findall(r"https?://[^/\"]*", body) == ["https://blueprint.example"]
    assert not {"glyphs", "sprite"} & set(json.loads(body))


def test_a_layer_has_its_own_colour_or_that_of_its_control(world: World):
    style = world.client.get("/tiles/style.json").json()

    paint = {layer["id"]: layer["paint"] for layer in style["layers"]}
    assert paint["zoning"]["fill-color"] == "#123456"
    assert paint["zoning.outline"]["line-color"] == "#123456"
    assert paint["rail"]["line-color"] == COLORS["prohibit"]
    assert paint["wells"]["circle-color"] == COLORS["inform"]


def test_the_worst_control_is_drawn_on_top_and_the_base_map_below_all(world: World):
    with world.session() as session, session.begin():
        for code, control in (("z_inform", "inform"), ("a_prohibit", "prohibit"), ("m_advise", "advise")):
            publish(session, world.city, code, [square(0, 0, 50)], control=control)
        publish(session, world.city, "ground", [square(0, 0, 50)], control="prohibit", is_base_map=True)

    ids = [layer["id"] for layer in world.client.get("/tiles/style.json").json()["layers"]]

    assert ids[:2] == ["background", "ground"]
    assert (
        ids.index("z_inform")
        < ids.index("m_advise")
        < ids.index("a_prohibit")
        < ids.index("rail")
        < ids.index("wells")
    )


@pytest.mark.parametrize("day", ["2019-12-31"])
def test_a_day_without_layers_has_an_empty_style(world: World, day: str):
    style = world.client.get("/tiles/style.json", params={"on": day}).json()

    assert style["sources"] == {}
    assert [layer["id"] for layer in style["layers"]] == ["background"]


def test_a_layer_of_land_use_is_drawn_in_the_colours_of_the_standard(world: World):
    with world.session() as session, session.begin():
        rows = [{"YDYHFLDM": "070102"}, {"YDYHFLDM": "1401"}, {"YDYHFLDM": "没有"}]
        shapes = [square(0, 0, 50), square(100, 0, 50), square(200, 0, 50)]
        publish(
            session, world.city, "land_use", shapes, attributes=rows, class_field="YDYHFLDM",
            symbology="land_use_2023", color="#abcdef",
        )  # fmt: skip

    style = world.client.get("/tiles/style.json").json()
    x, y = world.tile_of(25, 25, 16)
    tile = mapbox_vector_tile.decode(world.client.get(f"/tiles/land_use/16/{x}/{y}.mvt").content)

    (fill,) = [layer for layer in style["layers"] if layer["id"] == "land_use"]
    operator, value, *cases, other = fill["paint"]["fill-color"]
    assert (operator, value, other) == ("match", ["to-string", ["get", "class_code"]], "#abcdef")
    color_of = {code: color for codes, color in zip(cases[::2], cases[1::2], strict=True) for code in codes}
    assert color_of["070102"] == standards().land_use["2023"]["070102"].color.lower()
    # 耕地 is 01, and 0100 or 010000 where a database pads its codes.
    assert color_of["01"] == color_of["0100"] == color_of["010000"]
    labels = [code for codes in cases[::2] for code in codes]
    assert len(labels) == len(set(labels))
    found = {feature["properties"].get("class_code") for feature in tile["land_use"]["features"]}
    assert found >= {"070102", "1401"}


def test_within_a_control_the_smallest_position_is_drawn_on_top(world: World):
    with world.session() as session, session.begin():
        for code, position in (("p_first", 1), ("p_second", 2), ("p_third", 3)):
            publish(session, world.city, code, [square(0, 0, 50)], control="advise", position=position)

    ids = [layer["id"] for layer in world.client.get("/tiles/style.json").json()["layers"]]

    assert ids.index("p_third") < ids.index("p_second") < ids.index("p_first")
