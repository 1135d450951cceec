import gzip
from datetime import date
from pathlib import Path

import mapbox_vector_tile
import pytest
import shapely
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from blueprint.database import make_engine
from blueprint.edge import Edge
from tests.conftest import TestServer
from tests.made import publish, square
from tests.tiles.conftest import NOW, World
from tiles.app import TilesApp


def address(world: World, code: str = "zoning", z: int = 15, *, at: tuple[float, float] = (50, 50)) -> str:
    x, y = world.tile_of(*at, z)
    return f"/tiles/{code}/{z}/{x}/{y}.mvt"


def features_of(body: bytes, layer: str) -> list[dict]:
    decoded = mapbox_vector_tile.decode(body)
    assert decoded[layer]["version"] == 2
    assert decoded[layer]["extent"] == 4096
    return decoded[layer]["features"]


def signed(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def assert_problem(response, status: int) -> dict:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "title_zh", "status", "detail", "detail_zh", "instance"}
    assert document["status"] == status
    return document


def test_a_tile_shows_the_features_with_name_source_id_and_class_code(world: World):
    response = world.client.get(address(world, z=13))

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    features = {feature["id"]: feature for feature in features_of(response.content, "zoning")}
    assert features[1]["properties"] == {"label": "东地块", "source_id": "S1", "class_code": "2090020100"}
    assert features[2]["properties"] == {"label": "西地块", "source_id": "S2"}


@pytest.mark.parametrize("z", [0, 6, 10, 14, 15, 18, 22])
def test_a_feature_lies_where_it_is_at_every_zoom(world: World, z: int):
    features = features_of(world.client.get(address(world, "wells", z)).content, "wells")

    assert len(features) == 1
    (x, y) = features[0]["geometry"]["coordinates"]
    assert 0 <= x <= 4096
    assert 0 <= y <= 4096
    column, row = world.tile_of(50, 50, z)
    # The point is where the grid of a zoom 12 steps further in says it is: a tile there is one unit here.
    fine_column, fine_row = world.tile_of(50, 50, z + 12)
    # The decoder turns the rows upside down.
    assert (x, 4096 - y) == pytest.approx((fine_column - column * 4096, fine_row - row * 4096), abs=1.01)


def test_an_area_drawn_unclipped_and_one_drawn_clipped_have_the_same_direction_and_size(world: World):
    whole = features_of(world.client.get(address(world, z=15)).content, "zoning")
    clipped = features_of(world.client.get(address(world, z=20)).content, "zoning")

    inside = shapely.geometry.shape(whole[0]["geometry"])
    filling = shapely.geometry.shape(clipped[0]["geometry"])
    assert inside.is_valid
    assert inside.exterior.is_ccw == filling.exterior.is_ccw
    assert filling.bounds == (-64, -64, 4160, 4160)


def test_pieces_of_a_huge_feature_are_one_feature_without_seams(world: World):
    wave = [(i * 2, 1_000 + 30 * (i % 2)) for i in range(1_000)]
    with world.session() as session, session.begin():
        publish(session, world.city, "huge", [shapely.Polygon([(0, 0), *wave, (1_998, 0)])])
        pieces = session.connection().exec_driver_sql(
            "SELECT sum(cardinality(s.shapes)) FROM blueprint.tile_sheet s JOIN blueprint.layer_version v ON v.id = s.version_id"
            " JOIN blueprint.layer l ON l.id = v.layer_id WHERE l.code = 'huge' AND s.level = 24"
        )
        assert pieces.scalar_one() > 2

    features = features_of(world.client.get(address(world, "huge", 15, at=(1_000, 500))).content, "huge")

    assert len(features) == 1
    assert features[0]["geometry"]["type"] == "Polygon"
    assert len(features[0]["geometry"]["coordinates"]) == 1


def test_an_empty_tile_has_no_content_but_a_tag(world: World):
    response = world.client.get(address(world, at=(9_000, 9_000)))

    assert response.status_code == 204
    assert response.content == b""
    assert response.headers["etag"]
    assert "content-type" not in response.headers


def test_an_unchanged_tile_is_not_sent_again(world: World):
    first = world.client.get(address(world))

    again = world.client.get(address(world), headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["cache-control"] == "public, no-cache"
    assert not first.headers["etag"].startswith("W/")


def test_compressed_and_plain_tiles_are_the_same_tile_under_two_tags(world: World):
    with world.session() as session, session.begin():
        publish(session, world.city, "crowd", [square(30 * i, 0, 20) for i in range(40)])
    path = address(world, "crowd")

    plain = world.client.get(path, headers={"accept-encoding": "identity"})
    with world.client.stream("GET", path, headers={"accept-encoding": "br, gzip;q=0.8"}) as compressed:
        raw = b"".join(compressed.iter_raw())
    refused = world.client.get(path, headers={"accept-encoding": "gzip;q=0"})

    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert compressed.headers["etag"] != plain.headers["etag"] == refused.headers["etag"]
    assert "Accept-Encoding" in plain.headers["vary"]


def test_a_new_version_shows_at_once_and_the_old_one_on_its_own_days_and_address(world: World):
    with world.session() as session, session.begin():
        publish(session, world.city, "moving", [square(0, 0, 100)], starts_on=date(2020, 1, 1))
    path = address(world, "moving")
    before = world.client.get(path)

    with world.session() as session, session.begin():
        publish(
            session,
            world.city,
            "moving",
            [square(0, 0, 100), square(200, 0, 50)],
            starts_on=date(2026, 11, 23),
        )
    after = world.client.get(path, headers={"if-none-match": before.headers["etag"]})

    assert after.status_code == 200
    assert len(features_of(before.content, "moving")) == 1
    assert len(features_of(after.content, "moving")) == 2
    assert world.client.get(path, params={"on": "2026-11-22"}).content == before.content
    fixed = world.client.get(path.replace("/moving/", "/moving/versions/1/"))
    assert fixed.content == before.content
    assert fixed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert fixed.headers["etag"] == before.headers["etag"]


def test_what_was_seen_of_a_layer_before_shows_no_tile_of_a_version_over_or_a_layer_closed_since(
    world: World,
):
    with world.session() as session, session.begin():
        publish(session, world.city, "turning", [square(0, 0, 100)], starts_on=date(2020, 1, 1))
    seen, *others = (address(world, "turning", z) for z in (15, 16, 17, 18))
    assert len(features_of(world.client.get(seen).content, "turning")) == 1

    with world.session() as session, session.begin():
        later = [square(0, 0, 100), square(20, 20, 30)]
        publish(session, world.city, "turning", later, starts_on=date(2026, 11, 23))
    for path in (others[0], others[0], others[1], seen):
        assert len(features_of(world.client.get(path).content, "turning")) == 2

    first = world.client.get(others[0].replace("/turning/", "/turning/versions/1/"))
    assert len(features_of(first.content, "turning")) == 1
    classify = text("UPDATE blueprint.layer SET sensitivity = :class WHERE code = 'turning'")
    with world.session() as session, session.begin():
        session.execute(classify, {"class": "restricted"})
    for path in (others[2], others[2], seen):
        assert_problem(world.client.get(path), 404)
    with world.session() as session, session.begin():
        session.execute(classify, {"class": "public"})
    assert world.client.get(others[2]).status_code == 200


def test_a_tile_of_a_difference_shows_what_was_gained_and_lost_and_whose_attributes_changed(world: World):
    named = [{"MC": name} for name in "abcd"]
    with world.session() as session, session.begin():
        before = [square(0, 0, 100), square(200, 0, 100), square(400, 0, 100), square(600, 0, 100)]
        after = [square(0, 0, 100), square(250, 0, 100), square(400, 0, 100)]
        publish(session, world.city, "grown", before, attributes=named, label_field="MC")
        publish(session, world.city, "grown", after, attributes=[*named[:2], {"MC": "x"}], label_field="MC")
    x, y = world.tile_of(350, 50, 12)

    answer = world.client.get(f"/tiles/grown/differences/1/2/12/{x}/{y}.mvt")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    patches = [
        (f["properties"]["change"], f["properties"]["source_id"], shapely.geometry.shape(f["geometry"]))
        for f in features_of(answer.content, "grown")
    ]
    assert sorted(patch[:2] for patch in patches) == [
        ("attributes", "S3"), ("gained", "S2"), ("lost", "S2"), ("lost", "S4"),
    ]  # fmt: skip
    by_name = {patch[:2]: patch[2] for patch in patches}
    gained, lost, whole = by_name["gained", "S2"], by_name["lost", "S2"], by_name["lost", "S4"]
    assert gained.area == pytest.approx(whole.area / 2, rel=0.02)
    assert lost.area == pytest.approx(whole.area / 2, rel=0.02)
    assert gained.bounds[0] > lost.bounds[2]
    turned = features_of(world.client.get(f"/tiles/grown/differences/2/1/12/{x}/{y}.mvt").content, "grown")
    assert sorted(f["properties"]["change"] for f in turned) == ["attributes", "gained", "gained", "lost"]
    assert world.client.get(f"/tiles/grown/differences/1/1/12/{x}/{y}.mvt").status_code == 204


def test_a_difference_is_for_those_who_may_read_both_versions(world: World):
    x, y = world.tile_of(50, 50, 14)
    for code, number in (("pipes", 1), ("planned", 1), ("nothing", 1), ("zoning", 9)):
        assert_problem(world.client.get(f"/tiles/{code}/differences/{number}/{number}/14/{x}/{y}.mvt"), 404)
    owner = signed(world.owner_token)
    assert world.client.get(f"/tiles/pipes/differences/1/1/14/{x}/{y}.mvt", headers=owner).status_code == 204


def test_the_composite_shows_all_layers_that_the_caller_may_see(world: World):
    path = address(world, "blueprint")

    anonymous = mapbox_vector_tile.decode(world.client.get(path).content)
    member = mapbox_vector_tile.decode(world.client.get(path, headers=signed(world.other_token)).content)
    owner = mapbox_vector_tile.decode(world.client.get(path, headers=signed(world.owner_token)).content)

    assert {"zoning", "rail", "wells"} <= set(anonymous)
    assert not {"pipes", "bunkers", "planned", "future"} & set(anonymous)
    assert set(member) - set(anonymous) == {"pipes"}
    assert set(owner) - set(member) == {"bunkers"}


def test_the_composite_of_named_layers_is_their_tiles_in_that_order(world: World):
    path = address(world, "blueprint")
    plain = {"accept-encoding": "identity"}

    both = world.client.get(path, params={"layers": "wells,zoning"}, headers=plain)

    one, other = (
        world.client.get(address(world, code), headers=plain).content for code in ("wells", "zoning")
    )
    assert both.content == one + other
    assert_problem(world.client.get(path, params={"layers": "wells,nothing"}), 404)
    assert_problem(world.client.get(path, params={"layers": "wells,future"}), 404)


def test_a_layer_that_may_not_be_read_answers_like_one_that_does_not_exist(world: World):
    for code in ("pipes", "bunkers"):
        hidden = assert_problem(world.client.get(address(world, code)), 404)
        missing = assert_problem(world.client.get(address(world, "nothing")), 404)
        assert hidden["detail"].replace(code, "nothing") == missing["detail"]
        assert_problem(world.client.get(f"/tiles/{code}.json"), 404)
    assert_problem(world.client.get(address(world, "bunkers"), headers=signed(world.other_token)), 404)


def test_what_is_not_public_is_kept_by_the_reader_alone(world: World):
    response = world.client.get(address(world, "pipes"), headers=signed(world.other_token))

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in response.headers["vary"]


def test_a_draft_is_seen_by_those_who_could_bring_it_into_force(world: World):
    path = address(world, "planned").replace("/planned/", "/planned/versions/1/")

    assert_problem(world.client.get(path), 404)
    assert_problem(world.client.get(path, headers=signed(world.other_token)), 404)
    assert world.client.get(path, headers=signed(world.owner_token)).status_code == 200


def test_a_token_that_is_not_good_is_refused(world: World):
    response = world.client.get(address(world), headers=signed("ob_wrong"))

    assert_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing/14/13785/6148.mvt", 404),
        ("future/14/13785/6148.mvt", 404),
        ("planned/14/13785/6148.mvt", 404),
        ("zoning/14/13785/6148.mvt?on=2019-12-31", 404),
        ("blueprint/14/13785/6148.mvt?on=2019-12-31", 404),
        ("zoning/versions/9/14/13785/6148.mvt", 404),
        ("zoning/versions/99999999999/14/13785/6148.mvt", 404),
        ("zoning/23/0/0.mvt", 404),
        ("zoning/3/8/0.mvt", 404),
        ("zoning/3/0/-1.mvt", 404),
        ("zoning/3/1e3/0.mvt", 400),
        ("zoning/3/%2B1/0.mvt", 400),
        ("zoning/%EF%BC%91%EF%BC%92/0/0.mvt", 400),
        ("zoning/3/0/1.5.mvt", 400),
        ("zoning/3/0/1.mvt?on=yesterday", 400),
        ("zoning%00/3/0/1.mvt", 404),
        ("zoning.json?on=2026-13-01", 400),
        ("nothing.json", 404),
        ("future.json", 404),
    ],
)
def test_what_is_not_there_is_told_as_a_problem(world: World, path: str, status: int):
    document = assert_problem(world.client.get(f"/tiles/{path}"), status)

    assert document["instance"].startswith("/tiles/")
    assert document["detail"]


def test_only_reading_is_allowed_and_a_head_has_no_body(world: World):
    assert world.client.post(address(world)).headers["allow"] == "GET, HEAD"
    assert_problem(world.client.delete(address(world)), 405)
    head = world.client.head(address(world))
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) > 0


def test_a_crowded_tile_stays_small_and_keeps_its_features_within_bounds(world: World):
    points = [shapely.Point(i % 200, i // 200) for i in range(20_000)]
    with world.session() as session, session.begin():
        publish(
            session,
            world.city,
            "trees",
            points,
            attributes=[{"MC": f"树{i}"} for i in range(20_000)],
            label_field="MC",
        )

    body = world.client.get(address(world, "trees", 15), headers={"accept-encoding": "identity"}).content

    assert len(body) <= 500_000
    features = features_of(body, "trees")
    assert 15_000 < len(features) < 17_500
    assert all(feature["properties"] == {} for feature in features)


def test_no_database_is_a_problem_and_the_next_request_recovers(world: World):
    with world.session() as session, session.begin():
        publish(session, world.city, "after_loss", [square(0, 0, 100)])
    world.client.get(address(world))
    with world.engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'blueprint tiles' AND datname = current_database()"
        )

    assert world.client.get(address(world, "after_loss")).status_code == 200


def test_a_database_that_is_gone_is_told_as_unavailable(server: TestServer, template: str, world: World):
    url = server.create(f"{template}_gone", template=template)
    app = TilesApp(
        Edge(make_engine(url), world.city, lambda: NOW, "https://blueprint.example", Path("/nonexistent"))
    )
    routes = FastAPI()
    routes.mount("/tiles", app)
    client = TestClient(routes)
    server.drop(f"{template}_gone")

    for path in ("zoning/3/6/3.mvt", "blueprint/3/6/3.mvt", "zoning.json", "style.json"):
        response = client.get(f"/tiles/{path}")
        assert_problem(response, 503)
        assert response.headers["retry-after"]
    # An address that cannot exist is answered without the database.
    assert_problem(client.get("/tiles/zoning/3/9/3.mvt"), 404)
    app.close()
