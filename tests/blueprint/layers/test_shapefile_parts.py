"""A Shapefile of which GDAL would make something else in silence: other numbers, other texts, fewer shapes."""

import struct
from pathlib import Path

import pytest

from tests import badfiles, formatfiles
from tests.badfiles import zipped
from tests.blueprint.layers.conftest import Reader
from tests.blueprint.layers.test_bad_files import _dbf, _spoilt, refused


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    return badfiles.zipped_shapefile(tmp_path / "shp", formatfiles.SQUARES * 3, encoding="UTF-8")


def _numbers(cells: list[str], kind: bytes = b"N") -> bytes:
    table = _dbf([cell.rjust(12).encode() for cell in cells], name=b"MJ", width=12)
    return table[:43] + kind + table[44:]


@pytest.mark.parametrize("kind", [b"N", b"F"])
@pytest.mark.parametrize(
    "text", ["1,5", "1x", "x", "1 2", "1.2.3", "1-2", "-", ".", "1e", "nan", "--1", "0x10"]
)
def test_a_number_that_is_none_is_named_by_its_row(
    read: Reader, parts: dict[str, bytes], kind: bytes, text: str
):
    cells = ["1", "-2", text, "************", "", "3"]

    taken = read(zipped(parts | {"plan.dbf": _numbers(cells, kind)}))

    assert [(issue["feature"], issue["rule"]) for issue in taken.report["issues"]] == [(3, "value-number")]


def test_numbers_as_programs_write_them_come_through(read: Reader, parts: dict[str, bytes]):
    cells = ["00701", "-12", "2", "+4", "************", " "]
    fractions = ["1.7", ".5", "1e3", "-2.25", "5.", "3"]

    taken = read(zipped(parts | {"plan.dbf": _numbers(cells)}))
    assert taken.report["issues"] == []
    assert [row["MJ"] for row in taken.rows] == [701, -12, 2, 4, None, None]
    for kind in (b"N", b"F"):
        taken = read(zipped(parts | {"plan.dbf": _numbers(fractions, kind)}))
        assert [row["MJ"] for row in taken.rows] == [1.7, 0.5, 1000, -2.25, 5, 3], "no decimals are said"


@pytest.mark.parametrize(
    ("language", "cpg", "encoding"),
    [
        (0x57, None, "gbk"),
        (0x03, None, "gbk"),
        (0x57, None, "utf-8"),
        (0, "ISO-8859-1", "utf-8"),
        (0, "1252", "gbk"),
    ],
)
def test_texts_are_right_where_the_file_names_a_code_page_that_any_bytes_are(
    read: Reader, parts: dict[str, bytes], language: int, cpg: str | None, encoding: str
):
    texts = ["永久基本农田", "鞍山市", "千山区A-1", "立山", "海城", "a"]
    files = parts | {"plan.dbf": _dbf([text.encode(encoding) for text in texts], language=language)}
    files.pop("plan.cpg")
    if cpg is not None:
        files["plan.cpg"] = cpg.encode()

    taken = read(zipped(files))

    assert [row["MC"] for row in taken.rows] == texts
    assert "were read as" in taken.said


def test_texts_of_western_letters_stay_what_they_are(read: Reader, parts: dict[str, bytes]):
    texts = ["Forêt", "Straße", "naïve", "Århus", "Übersee", "a"]
    files = parts | {"plan.dbf": _dbf([text.encode("cp1252") for text in texts], language=0x57)}
    files.pop("plan.cpg")

    assert [row["MC"] for row in read(zipped(files)).rows] == texts


def test_texts_of_two_encodings_are_refused(read: Reader, parts: dict[str, bytes]):
    texts = ["鞍山".encode("gbk"), "鞍山".encode()] * 3
    files = parts | {"plan.dbf": _dbf(texts)}
    files.pop("plan.cpg")

    refused(read, zipped(files), "partly UTF-8 .鞍山")


def test_a_table_of_two_encodings_is_refused_and_one_that_begins_with_a_mark_is_read(read: Reader):
    rows = [
        f'{name},"{shape.wkt}"' for name, shape in zip(("鞍山", "立山"), formatfiles.SQUARES, strict=True)
    ]
    content = b"MC,WKT\n" + rows[0].encode() + b"\n" + rows[1].encode("gb18030")

    refused(read, content, "partly UTF-8 .line 2: 鞍山", crs="EPSG:4490")
    marked = "\n".join(["MC,WKT", *rows]).encode("utf-8-sig")
    assert read(marked, crs="EPSG:4490", encoding="utf-8").rows[0] == {"MC": "鞍山"}
    refused(read, marked, "no encoding", crs="EPSG:4490", encoding="a\x00b")


@pytest.mark.parametrize("offset", [99, -5, 3])
def test_parts_of_a_shape_that_lie_elsewhere_are_refused(read: Reader, parts: dict[str, bytes], offset: int):
    refused(read, _spoilt(parts, "plan.shp", 108 + 44, struct.pack("<i", offset)), "shape 1 .*has parts")


def test_shapes_without_parts_of_no_type_or_of_one_record_are_refused(read: Reader, parts: dict[str, bytes]):
    refused(read, _spoilt(parts, "plan.shp", 108 + 36, struct.pack("<i", 0)), "shape 1 .*has parts")
    refused(read, _spoilt(parts, "plan.shp", 108, struct.pack("<i", 77)), "shape 1 .*no known type")
    refused(read, _spoilt(parts, "plan.shp", 108, struct.pack("<i", 31)), "damaged")
    refused(read, _spoilt(parts, "plan.shx", 108, parts["plan.shx"][100:108]), "shape 2 .*record of another")
    assert len(read(_spoilt(parts, "plan.shp", 108, struct.pack("<i", 0))).shapes) == 5


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (10, struct.pack("<H", 11), "head of the .dbf"),
        (8, struct.pack("<H", 32), "head of the .dbf"),
        (43, b"I", "field 1 .* type 'I'"),
    ],
)
def test_a_table_whose_head_is_none_is_refused(
    read: Reader, parts: dict[str, bytes], at: int, value: bytes, words: str
):
    refused(read, _spoilt(parts, "plan.dbf", at, value), words)


def test_a_projection_without_sense_ends_in_a_sentence(read: Reader, parts: dict[str, bytes]):
    prj = parts["plan.prj"].replace(b"DATUM", b"D\x00TUM")
    for at in range(20, 160, 9):
        spoilt = parts["plan.prj"][:at] + b"\xff" + parts["plan.prj"][at + 1 :]
        for content in (prj, spoilt):
            try:
                read(zipped(parts | {"plan.prj": content}))
            except Exception as error:
                assert type(error).__name__ == "InvalidInputError", error
