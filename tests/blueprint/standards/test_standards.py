"""The standards' data files: what they say, how codes are read, and that a fault in them is said with file and line."""

import shutil
from pathlib import Path

import pytest

from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.quality.attributes import AttributeCheck
from blueprint.quality.issues import Issues
from blueprint.standards.entries import FieldRole, Required
from blueprint.standards.land_use import LandUseVerdict, judge_land_use, normalised
from blueprint.standards.loading import DATA, find_standard, read_standards, standards


def test_a_layer_is_found_by_all_names_it_goes_by():
    for name in ("YJJBNT", "YJJBNTBHHX", "yjjbnttb", "YJJBNTBHTB"):
        assert find_standard(name).code == "YJJBNT"
    assert find_standard("YDYHGHFQ").code == "GHFQ"
    with pytest.raises(NotFoundError, match="no standard 'NOPE'"):
        find_standard("NOPE")


def test_an_evaluation_is_not_the_red_line_it_sounds_like():
    assert find_standard("STBHZYXPJJG").code != find_standard("STBHHX").code


def test_fields_carry_length_unit_role_and_where_they_were_read():
    red_line, farmland = find_standard("STBHHX"), find_standard("YJJBNT")

    assert red_line.by_name["QYMJ"].unit == "km2"
    assert red_line.by_name["BSM"].length == 18
    assert [farmland.of_role(role).name for role in (FieldRole.AREA, FieldRole.NET_AREA)] == [
        "YJJBNTTBMJ",
        "YJJBNTMJ",
    ]
    assert farmland.by_name["DLBM"].codes == "survey_2019"
    assert farmland.by_name["BSM"].required is Required.MANDATORY
    for layer in standards().layers.values():
        assert layer.source
        assert all(field.source for field in layer.fields)
    assert find_standard("GHYDYH").by_name["YDYHFLDM"].unsure


def test_points_and_lines_have_no_area_field():
    for layer in standards().layers.values():
        assert layer.geometry == "polygon" or layer.of_role(FieldRole.AREA) is None


def test_both_editions_of_land_use_are_whole():
    levels = {
        edition: [sum(len(code) == digits for code in classes) for digits in (2, 4, 6)]
        for edition, classes in standards().land_use.items()
    }
    assert levels == {"2020": [24, 106, 39], "2023": [24, 111, 40]}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("010000", "01"),
        ("010100", "0101"),
        ("0110", "0110"),
        ("1000", "10"),
        ("05H1", "05H1"),
        ("100", "100"),
    ],
)
def test_padding_is_taken_off_a_code_in_whole_pairs(raw: str, code: str):
    assert normalised(raw) == code


@pytest.mark.parametrize(
    ("raw", "name", "verdict", "title"),
    [
        ("070102", None, LandUseVerdict.KNOWN, "二类城镇住宅用地"),
        ("2206", None, LandUseVerdict.KNOWN, "其他特殊用海"),
        ("2202", "其他特殊用海", LandUseVerdict.OLD_EDITION, "其他特殊用海"),
        ("2202", "科研教育用海", LandUseVerdict.KNOWN, "科研教育用海"),
        ("170900", None, LandUseVerdict.UNKNOWN_CHILD, "陆地水域"),
        ("9901", None, LandUseVerdict.UNKNOWN, None),
        ("05H1", None, LandUseVerdict.UNKNOWN, None),
    ],
)
def test_a_code_is_judged_by_both_editions(raw: str, name: str | None, verdict: str, title: str | None):
    judged = judge_land_use(raw, name, standards())[0]

    assert judged.verdict is verdict
    assert (judged.found.title if judged.found else None) == title
    assert judged.raw == raw


@pytest.mark.parametrize("raw", ["0701+090100", "0701/0901", "0701；0901", "0701＋0901"])
def test_mixed_use_is_judged_code_by_code_and_never_too_long(raw: str):
    assert [judged.code for judged in judge_land_use(raw, None, standards())] == ["0701", "0901"]
    issues, layer = Issues(is_strict=True), find_standard("GHYDYH")

    attributes = AttributeCheck(layer, standards(), {"YDYHFLDM": "C"}, frozenset(), frozenset())
    attributes.check(1, {"C": raw}, None, lambda: None, issues)

    assert dict(issues.counts) == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "layers.csv",
            "YJJBNT,永久基本农田,polygon",
            "YJJBNT,永久基本农田,area",
            "geometry 'area' must be one of",
        ),
        ("layers.csv", "STBHHX,生态保护红线", "XZQDS,生态保护红线", "layer XZQDS is there twice"),
        ("layers.csv", "生态红线 STBHX", "生态红线 GHFQ", "alias GHFQ belongs to another layer"),
        ("fields.csv", "id,BSM,标识码,text,18", "id,BSM,标识码,text,x", "length 'x' is no whole number"),
        ("fields.csv", "administrative", "admin", "codes 'admin' is no list"),
        ("codes.csv", "td1055", "nowhere", "source 'nowhere' is not in sources.csv"),
        ("limits.csv", "spike_degrees,10", "spike_degrees,ten", "value 'ten' is no number"),
        ("land_use.csv", "2023,0101,水田,01", "2023,0101,水田,99", "parent '99' is no code of 2023"),
    ],
)
def test_a_fault_in_a_data_file_is_said_with_file_and_line(
    tmp_path: Path, file: str, old: str, new: str, said: str
):
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(InvalidInputError, match=said) as raised:
        read_standards(folder)

    line = text[: text.index(old)].count("\n") + 1
    assert f"{file}:{line}" in raised.value.message or "twice" in said
