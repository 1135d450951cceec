"""Boundary-point files as surveyors write them."""

import pytest

from blueprint.errors import InvalidInputError
from blueprint.layers.boundary_points import read_boundary_points

FACTS = "[属性描述]\n坐标系=2000国家大地坐标系\n几度分带=3\n带号=41\n[地块坐标]\n"
HEADER = "5,1.0000,1,示例地块,面,,工业用地,1001,@\n"
N, E = 4_552_855, 499_546


def points(*corners: tuple[float, float], ring: int = 1, prefix: int = 41_000_000) -> str:
    """Point lines of a ring; corners as east, north of a place in Anshan in metres."""
    return "".join(f"J{i},{ring},{N + y:.3f},{prefix + E + x:.3f}\n" for i, (x, y) in enumerate(corners, 1))


SQUARE = ((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))
HOLE = ((20, 20), (20, 40), (40, 40), (40, 20))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_a_parcel_is_read_northing_first_in_its_zone(encoding: str):
    read = read_boundary_points((FACTS + HEADER + points(*SQUARE)).encode(encoding))

    assert read.crs == "EPSG:4529"
    (parcel,) = read.parcels
    assert (parcel.name, parcel.purpose, parcel.area_ha) == ("示例地块", "工业用地", 1.0)
    assert parcel.geometry.bounds == (41_000_000 + E, N, 41_000_000 + E + 100, N + 100)
    assert read.warnings == ()


def test_without_a_zone_in_the_easting_it_is_the_central_meridian_s_crs():
    assert read_boundary_points((FACTS + HEADER + points(*SQUARE, prefix=0)).encode()).crs == "EPSG:4550"


def test_without_any_zone_the_crs_is_unknown():
    content = FACTS.replace("带号=41\n", "") + HEADER + points(*SQUARE, prefix=0)

    assert read_boundary_points(content.encode()).crs is None


def test_an_unclosed_ring_is_closed_and_a_further_ring_is_a_hole():
    content = FACTS + HEADER.replace("1.0000", "0.96") + points(*SQUARE[:-1]) + points(*HOLE, ring=2)

    (parcel,) = read_boundary_points(content.encode()).parcels

    assert parcel.geometry.area == 10_000 - 400
    assert len(parcel.geometry.interiors) == 1


def test_a_stated_area_that_is_off_is_told():
    read = read_boundary_points((FACTS + HEADER.replace("1.0000", "1.2") + points(*SQUARE)).encode())

    assert "1.2 ha" in read.warnings[0] and "1.0000 ha" in read.warnings[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (FACTS.replace("2000国家大地坐标系", "1980西安坐标系") + HEADER + points(*SQUARE), "CGCS2000"),
        (FACTS.replace("2000国家大地坐标系", "北京54坐标系") + HEADER + points(*SQUARE), "CGCS2000"),
        (FACTS.replace("几度分带=3", "几度分带=6") + HEADER + points(*SQUARE), "3-degree"),
        (FACTS.replace("带号=41", "带号=40") + HEADER + points(*SQUARE), "zone 40, the eastings say 41"),
        (FACTS, "no boundary-point file"),
        ("hello", "no boundary-point file"),
        (FACTS + HEADER, "fewer than three points"),
        (FACTS + HEADER + points(*SQUARE[:2]), "fewer than three points"),
        (FACTS + points(*SQUARE), "line 6: a point before any parcel"),
        (FACTS + HEADER + "J1,1,x,y\n", "line 7"),
        (FACTS + HEADER + "J1,1,nan,5\n", "line 7"),
        (
            FACTS + HEADER + points(*SQUARE) + points(*((x + 500, y) for x, y in HOLE), ring=2),
            "outside the first",
        ),
        (FACTS + HEADER + points(*SQUARE[:2]) + points(*SQUARE[2:], prefix=0), "some eastings carry"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(content: str, words: str):
    with pytest.raises(InvalidInputError, match=words):
        read_boundary_points(content.encode())


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(InvalidInputError, match="neither UTF-8 nor GB18030"):
        read_boundary_points(b"\xff\xff\xff")
