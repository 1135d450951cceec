"""The surveyors' boundary-point file: what tools write, what people get wrong, and what is refused by its line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from blueprint.errors import InvalidInputError, TooLargeError
from blueprint.layers.boundary_points import MAX_POINTS, read_boundary_points

HEADER = {
    "格式版本号": "1.01版本",
    "坐标系": "2000国家大地坐标系",
    "几度分带": "3",
    "投影类型": "高斯克吕格",
    "计量单位": "米",
    "带号": "41",
    "精度": "0.001",
    "转换参数": ",,,,,,",
}
NORTH, EAST = 4_552_755.0, 41_499_546.0


def square(
    size: float, north: float = NORTH, east: float = EAST, ring: str = "1", closed: bool = True
) -> list[str]:
    """A square of `size` metres with its south-west corner there, clockwise from the north-west."""
    corners = [
        (north + size, east), (north + size, east + size), (north, east + size), (north, east),
    ]  # fmt: skip
    corners += corners[:1] if closed else []
    return [f"J{i % 4 + 1},{ring},{x:.3f},{y:.3f}" for i, (x, y) in enumerate(corners)]


def head(count: int = 5, area: str = "1.0000", number: str = "1", name: str = "示例地块") -> str:
    return f"{count},{area},{number},{name},面,,工业用地,1001,@"


def document(*lines: str, header: dict[str, str] | None = None, **changes: str | None) -> str:
    """A whole file: the usual header with some keys changed (None: left out), then the lines given."""
    said = (HEADER if header is None else header) | changes
    top = [f"{key}={value}" for key, value in said.items() if value is not None]
    return "\r\n".join(["[属性描述]", *top, "[地块坐标]", *lines]) + "\r\n"


def read(text: str):
    return read_boundary_points(text.encode("gb18030"))


PLAIN = document(head(), *square(100))


def test_x_is_the_northing_and_comes_first() -> None:
    file = read(PLAIN)
    (parcel,) = file.parcels
    assert file.crs == "EPSG:4529"
    assert file.warnings == ()
    assert parcel.geometry.bounds == (EAST, NORTH, EAST + 100, NORTH + 100)
    assert parcel.geometry.area == pytest.approx(10_000)
    assert (parcel.number, parcel.name, parcel.area_ha, parcel.purpose) == ("1", "示例地块", 1.0, "工业用地")


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig"])
def test_either_encoding_reads_the_same(encoding: str) -> None:
    assert read_boundary_points(PLAIN.encode(encoding)) == read(PLAIN)


def test_a_byte_order_mark_hides_no_key() -> None:
    content = PLAIN.removeprefix("[属性描述]\r\n格式版本号=1.01版本\r\n").encode("utf-8-sig")
    assert content.startswith("\ufeff坐标系=".encode())
    assert read_boundary_points(content).crs == "EPSG:4529"


def test_a_character_only_gb18030_has_is_read() -> None:
    assert read(PLAIN.replace("示例", "㐀")).parcels[0].name == "㐀地块"


def test_the_last_point_may_repeat_the_first_or_not() -> None:
    closed = read(PLAIN)
    for count in (4, 5):
        opened = read(document(head(count), *square(100, closed=False)))
        assert opened.warnings == ()
        assert opened.parcels[0].geometry.equals_exact(closed.parcels[0].geometry)


@pytest.mark.parametrize(
    ("header_zone", "prefix", "crs"),
    [("41", 41, "EPSG:4529"), ("41", 0, "EPSG:4550"), ("25", 25, "EPSG:4513"), ("45", 0, "EPSG:4554"),
     ("45", 45, "EPSG:4533"), ("25", 0, "EPSG:4534"), ("", 40, "EPSG:4528"), (None, 41, "EPSG:4529")],
)  # fmt: skip
def test_zone_and_prefix_settle_the_crs(header_zone: str | None, prefix: int, crs: str) -> None:
    lines = square(100, east=prefix * 1_000_000 + 499_546.0)
    assert read(document(head(), *lines, 带号=header_zone)).crs == crs


@pytest.mark.parametrize("zone", [*range(25, 46), *range(13, 24)])
@pytest.mark.parametrize("with_prefix", [True, False])
def test_the_crs_has_the_zone_s_meridian_and_false_easting(zone: int, with_prefix: bool) -> None:
    """PROJ's own definitions say what the numbers mean."""
    lines = square(100, east=(zone * 1_000_000 if with_prefix else 0) + 499_546.0)
    width = 3 if zone >= 25 else 6
    file = read(document(head(), *lines, 带号=str(zone), 几度分带=str(width)))
    assert file.crs is not None
    crs = CRS.from_user_input(file.crs)
    parameters = {p.name: p.value for p in crs.coordinate_operation.params}
    assert parameters["Longitude of natural origin"] == (zone * 3 if width == 3 else zone * 6 - 3)
    assert parameters["False easting"] == (zone * 1_000_000 if with_prefix else 0) + 500_000
    assert crs.geodetic_crs.to_epsg() == 4490


def test_without_zone_or_datum_the_crs_is_left_open() -> None:
    no_zone = read(document(head(), *square(100, east=499_546.0), 带号=None))
    assert (no_zone.crs, no_zone.warnings) == (None, ())
    for name in (None, "", "地方独立坐标系"):
        file = read(document(head(), *square(100), 坐标系=name))
        assert file.crs is None
        assert "坐标系" in file.warnings[0].english and "坐标系" in file.warnings[0].chinese


def test_later_rings_inside_the_first_are_holes() -> None:
    hole = square(20, NORTH + 10, EAST + 10, ring="2")
    second = square(30, NORTH + 50, EAST + 50, ring="3", closed=False)
    (parcel,) = read(document(head(14, "0.8700"), *square(100), *hole, *second)).parcels
    assert len(parcel.geometry.interiors) == 2
    assert parcel.geometry.area == pytest.approx(10_000 - 400 - 900)


def test_a_ring_outside_the_first_is_a_part_and_an_island_in_a_hole_too() -> None:
    lines = [
        *square(100),
        *square(50, NORTH + 10, EAST + 10, ring="2"),
        *square(10, NORTH + 20, EAST + 20, ring="3"),
        *square(40, NORTH, EAST + 100, ring="4"),
    ]
    file = read(document(head(20, "0.9200"), *lines))
    assert sorted(p.geometry.area for p in file.parcels) == pytest.approx([100, 1_600, 7_500])
    assert [warning.both for warning in file.warnings] == [
        "地块 1 由 3 个分离的部分组成 parcel 1 has 3 separate parts"
    ]


def test_a_ring_that_fills_a_notch_is_a_part_though_all_its_corners_are_shared() -> None:
    notch = [(0, 0), (0, 90), (60, 90), (60, 60), (30, 60), (30, 30), (60, 30), (60, 0)]
    outer = [f"J{i},1,{NORTH + north},{EAST + east}" for i, (north, east) in enumerate(notch)]
    file = read(document(head(13, "0.5400"), *outer, *square(30, NORTH + 30, EAST + 30, ring="2")))
    assert sorted(p.geometry.area for p in file.parcels) == pytest.approx([900, 4_500])


def test_several_parcels_keep_their_order() -> None:
    lines = [head(), *square(100), head(5, "0.2500公顷", "2", "二号"), *square(50, east=EAST + 300)]
    file = read(document(*lines))
    assert [(p.number, p.name, p.area_ha) for p in file.parcels] == [
        ("1", "示例地块", 1.0),
        ("2", "二号", 0.25),
    ]
    assert file.warnings == ()


def test_a_stated_area_more_than_one_per_cent_off_is_a_warning() -> None:
    assert read(document(head(area="1.0099"), *square(100))).warnings == ()
    (warning,) = read(document(head(area="1.0150"), *square(100))).warnings
    assert "1.0150 ha" in warning.english and "1.0150 公顷" in warning.chinese
    assert "1.0000 ha" in warning.english
    for unknown in ("", "0"):
        file = read(document(head(area=unknown), *square(100)))
        assert (file.parcels[0].area_ha, file.warnings) == (None, ())


def test_a_lost_point_is_a_warning() -> None:
    lines = square(100)
    del lines[2]
    warnings = read(document(head(area=""), *lines)).warnings
    assert list(map(str, warnings)) == ["parcel 1: the file says 5 points and lists 4"]


@pytest.mark.parametrize(("prefix", "crs"), [(41_000_000, "EPSG:4529"), (0, "EPSG:4550")])
def test_swapped_columns_are_known_by_magnitude_and_said(prefix: int, crs: str) -> None:
    east = 499_546.0 + prefix
    swapped = [",".join([*line.split(",")[:2], *line.split(",")[:1:-1]]) for line in square(100, NORTH, east)]
    file = read(document(head(), *swapped))
    assert file.crs == crs
    assert file.parcels[0].geometry.bounds == (east, NORTH, east + 100, NORTH + 100)
    assert "easting before the northing" in str(file.warnings[0])


def test_full_width_marks_blank_lines_and_spaces_are_taken() -> None:
    lines = [head().replace(",", "，"), "", *(line.replace(",", " , ") for line in square(100)), "  "]
    assert read(document(*lines).replace("=", "＝")) == read(PLAIN)


def test_the_mark_that_old_programs_end_a_text_with_is_no_line() -> None:
    assert read(PLAIN + "\x1a") == read(PLAIN)


def test_two_files_in_one_are_refused_by_the_line_where_the_second_begins() -> None:
    with pytest.raises(InvalidInputError, match=r"line 17 .* another section \[属性描述\] begins"):
        read(PLAIN + PLAIN)


def test_a_crossing_ring_is_handed_on_as_it_is() -> None:
    """Whether a footprint may be mended is not the reader's to say."""
    corners = [(0, 0), (100, 100), (0, 100), (100, 0)]
    bow = [f"J{i},1,{NORTH + north},{EAST + east}" for i, (north, east) in enumerate(corners)]
    (parcel,) = read(document(head(4, ""), *bow)).parcels
    assert not parcel.geometry.is_valid


@pytest.mark.parametrize(
    ("name", "datum"),
    [("1980西安坐标系", "西安80"), ("西安80坐标系", "西安80"), ("Xian_1980", "西安80"), ("1954北京坐标系", "北京54"),
     ("北京54", "北京54"), ("Beijing_1954", "北京54")],
)  # fmt: skip
def test_the_old_datums_are_refused(name: str, datum: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{datum}.*convert it to the 2000国家大地坐标系"):
        read(document(head(), *square(100), 坐标系=name))


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"带号": "40"}, "带号=40 but its eastings begin with 41"), ({"几度分带": "6"}, "几度分带=6 but 带号=41"),
     ({"几度分带": "1.5"}, "几度分带=1.5"), ({"计量单位": "度"}, "计量单位=度"), ({"投影类型": "UTM"}, "投影类型=UTM")],
)  # fmt: skip
def test_a_header_that_contradicts_the_points_is_refused(changes: dict[str, str], what: str) -> None:
    with pytest.raises(InvalidInputError, match=what):
        read(document(head(), *square(100), **changes))


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="带号=24; zones are"):
        read(document(head(), *square(100, east=499_546.0), 带号="24"))


@pytest.mark.parametrize("value", ["abc", "nan", "inf", "1_000", "4552855.986.1", ""])
def test_a_coordinate_that_is_no_number_is_refused_by_its_line(value: str) -> None:
    text = document(head(), f"J1,1,{value},41499546.430", *square(100))
    with pytest.raises(InvalidInputError, match=r"line 12 .*no number") as refusal:
        read(text)
    assert refusal.value.place == "line 12"
    assert text.splitlines()[11].startswith(f"J1,1,{value}")


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([head(2), *square(100)[:2]], "line 12 .*fewer than three points"),
        ([head(4), *(square(100)[:1] * 4)], "line 12 .*fewer than three points"),
        ([head()], "line 11 .*no points"),
        ([head(), head(), *square(100)], "line 11 .*no points"),
        ([], "no parcel"),
        (square(100), "line 11 .*before the first parcel"),
        ([head(), "J1,1,4552855.986", *square(100)], "line 12 .*点号,圈号,X,Y"),
        ([head(), f"J1,,{NORTH},{EAST}", *square(100)], "line 12 .*ring number"),
        ([head().replace("面", "线"), *square(100)], "line 11 .*only areas"),
        (["5,1.0,@", *square(100)], "line 11 .*界址点数"),
        ([head(area="一公顷"), *square(100)], "line 11 .*area in hectares"),
        ([head(area="-1"), *square(100)], "line 11 .*negative"),
        ([head().replace("5,", "五,", 1), *square(100)], "line 11 .*number of points"),
        ([head(), "J1,1,41.1,122.9", "J2,1,41.2,122.9", "J3,1,41.2,123.0"], "line 12 .*degrees"),
        ([head(), *square(100), head(), *square(100, east=40_499_546.0)], "line 18 .*another zone"),
        ([head(), *square(100), f"J5,1,{NORTH},{NORTH}"], "line 17 .*no northing and easting"),
        ([head(), *square(100, north=-5_000)], "line 12 .*no northing and easting"),
    ],
)
def test_a_broken_file_is_refused_by_its_line(lines: list[str], what: str) -> None:
    with pytest.raises(InvalidInputError, match=what):
        read(document(*lines))


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"PK\x03\x04", b"\xff\xfe\x00", "坐标".encode("gbk")]
)
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="no boundary-point file"):
        read_boundary_points(content)


@given(
    at=st.integers(0, len(PLAIN)),
    length=st.integers(0, 40),
    text=st.text(alphabet="0123456789.,-eE@面线J=\n[]坐标系带号\x00∞", max_size=12),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(at: int, length: int, text: str) -> None:
    try:
        file = read(PLAIN[:at] + text + PLAIN[at + length :])
    except InvalidInputError:
        return
    assert all(len(parcel.geometry.exterior.coords) >= 4 for parcel in file.parcels)


def test_the_bounds_hold() -> None:
    with pytest.raises(TooLargeError, match="5 MB"):
        read_boundary_points(PLAIN.encode() + b"\n" * (5 << 20))
    points = [f"J,1,{NORTH + i % 7},{EAST + i % 5}" for i in range(MAX_POINTS + 1)]
    with pytest.raises(TooLargeError, match="100,000 points"):
        read(document(head(), *points))
    rings = [line for i in range(1_001) for line in square(1, NORTH + 2 * i, ring=str(i), closed=False)]
    with pytest.raises(TooLargeError, match="1,000 rings"):
        read(document(head(), *rings))


def test_the_largest_files_are_read_in_seconds() -> None:
    """The costly shapes: as many small parcels as go in, and rings each inside the one before."""
    small = [line for i in range(20_000) for line in (head(9, "9", str(i)), *square(1, closed=False))]
    nested = [line for i in range(1_000) for line in square(2_100 - 2 * i, NORTH + i, EAST + i, ring=f"{i}")]
    began = time.monotonic()
    file = read(document(*small))
    assert len(file.parcels) == 20_000
    assert (len(file.warnings), str(file.warnings[-1])) == (51, "and 39950 warnings more")
    assert len(read(document(head(), *nested)).parcels) == 500
    assert time.monotonic() - began < 20
