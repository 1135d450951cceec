from datetime import date

import pytest

from tiles.addresses import (
    BadAddressError,
    BlueprintTile,
    Coordinates,
    DifferenceTile,
    LayerDocument,
    LayerTile,
    NoSuchTileError,
    StyleDocument,
    VersionTile,
    read_address,
)


@pytest.mark.parametrize(
    ("path", "query", "address"),
    [
        ("zoning/14/13785/6148.mvt", b"", LayerTile("zoning", Coordinates(14, 13785, 6148), None)),
        ("zoning/0/0/0.mvt", b"on=2026-11-23", LayerTile("zoning", Coordinates(0, 0, 0), date(2026, 11, 23))),
        ("zoning/versions/3/1/1/0.mvt", b"on=ignored", VersionTile("zoning", 3, Coordinates(1, 1, 0))),
        ("zoning/differences/1/3/12/5/6.mvt", b"", DifferenceTile("zoning", 1, 3, Coordinates(12, 5, 6))),
        ("blueprint/1/0/1.mvt", b"", BlueprintTile(None, Coordinates(1, 0, 1), None)),
        ("blueprint/1/0/1.mvt", b"layers=a,b,a", BlueprintTile(("a", "b"), Coordinates(1, 0, 1), None)),
        ("zoning.json", b"", LayerDocument("zoning", None)),
        ("style.json", b"on=2020-02-29", StyleDocument(date(2020, 2, 29))),
    ],
)
def test_an_address_is_read(path, query, address):
    assert read_address(path, query) == address


@pytest.mark.parametrize(
    "number", ["1e3", "+1", "１２", "1.0", "", " 1", "0x1", "1_0", "01", "abc", "9" * 21]
)
def test_a_number_in_anything_but_plain_digits_is_a_bad_address(number):
    for path in (
        f"a/{number}/0/0.mvt",
        f"a/5/{number}/0.mvt",
        f"a/5/0/{number}.mvt",
        f"a/versions/{number}/5/0/0.mvt",
    ):
        with pytest.raises(BadAddressError, match="plain digits"):
            read_address(path, b"")


@pytest.mark.parametrize(
    "path", ["a/23/0/0.mvt", "a/-1/0/0.mvt", "a/3/8/0.mvt", "a/3/0/8.mvt", "a/3/-1/0.mvt", "a/0/0/1.mvt"]
)
def test_a_tile_outside_the_pyramid_does_not_exist(path):
    with pytest.raises(NoSuchTileError):
        read_address(path, b"")


@pytest.mark.parametrize(
    "day", ["2026-02-30", "20261123", "2026-W48-1", "today", "", "２０２６-11-23", "2026-11-23T00"]
)
def test_a_day_that_is_none_is_a_bad_address(day):
    with pytest.raises(BadAddressError, match="on must be a day"):
        read_address(
            "a/0/0/0.mvt", f"on={day}".encode("ascii", "xmlcharrefreplace").replace(b"&#", b"%26%23")
        )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/0/0/0.pbf",
        "a/0/0",
        "a/0/0/0/0.mvt",
        "/0/0/0.mvt",
        "a\x00b/0/0/0.mvt",
        f"{'a' * 61}.json",
        "a/versions/0/0/0/0.mvt",
        "a/differences/1/2/11/0/0.mvt",
        "a/differences/0/2/12/0/0.mvt",
    ],
)
def test_what_is_no_address_of_ours_does_not_exist(path):
    with pytest.raises(NoSuchTileError):
        read_address(path, b"")
