"""Groups, metadata and search of layers, by command line and HTTP."""

from typing import Any

import pytest

from tests.service.conftest import Command, Server

LAND_USE: dict[str, Any] = {
    "code": "GHYDYH", "title": "规划用地用海", "department": "ZRZY", "geometry": "polygon", "control": "inform",
    "group": "territorial_plan", "position": 2, "class_field": "YDYHFLDM", "symbology": "land_use_2023",
    "abstract": "中心城区用地布局", "owner": "市规划院", "scale": 5000, "data_on": "2025-12-31",
    "lineage": "由总规数据库提取", "conditions": "不得公布", "is_base_map": False,
}  # fmt: skip
RED_LINE = {
    "code": "STBHHX", "title": "生态保护红线", "title_en": "Ecological red line", "department": "STHJ",
    "geometry": "polygon", "control": "prohibit", "group": "control_zones",
}  # fmt: skip


def test_metadata_and_groups_are_shown_as_they_were_given(running: Server):
    client = running.client("ZRZY")

    made = client.post("/api/layers", json=LAND_USE)

    assert made.status_code == 201, made.text
    shown = client.get("/api/layers/GHYDYH").json()
    assert {key: shown[key] for key in LAND_USE} == LAND_USE
    assert shown["group_name"] == "国土空间总体规划"
    city = client.get("/api/city").json()
    assert city["has_outline"]
    assert [each["code"] for each in city["districts"] if each["has_outline"]] == [], (
        "its file has the city alone"
    )
    groups = city["layer_groups"]
    assert [group["code"] for group in groups][:3] == ["base_map", "current_state", "control_zones"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"group": "elsewhere"}, "no layer group 'elsewhere'"),
        ({"class_field": None}, "name its class_field"),
        ({"geometry": "line"}, "must be of polygons"),
    ],
)
def test_what_makes_no_sense_is_refused(running: Server, change: dict[str, Any], words: str):
    answer = running.client("ZRZY").post("/api/layers", json=LAND_USE | change)

    assert answer.status_code in (404, 422)
    assert words in answer.json()["detail"]


def test_a_search_finds_names_metadata_departments_and_groups(running: Server):
    client = running.client("ZRZY")
    for definition in (LAND_USE, RED_LINE):
        assert client.post("/api/layers", json=definition).status_code == 201

    def found(words: str) -> list[str]:
        return [item["code"] for item in client.get("/api/layers", params={"q": words}).json()["items"]]

    assert found("") == ["GHYDYH", "STBHHX"]
    assert found("红线") == ["STBHHX"]
    assert found("ecological RED") == ["STBHHX"]
    assert found("三区三线") == ["STBHHX"]
    assert found("总规 ｇｈｙｄ") == ["GHYDYH"]
    assert found("生态环境局") == ["STBHHX"]
    assert found("红线 总规") == []


def test_a_search_never_finds_what_the_caller_may_not_read(running: Server):
    keeper = running.client("ZRZY")
    assert keeper.post("/api/layers", json=RED_LINE | {"sensitivity": "restricted"}).status_code == 201

    assert running.client().get("/api/layers", params={"q": "红线"}).json()["items"] == []
    assert len(keeper.get("/api/layers", params={"q": "红线"}).json()["items"]) == 1


def test_the_command_line_defines_searches_and_lists_by_group(command: Command):
    options = [
        ("GHYDYH", "--title", "规划用地用海", "--department", "ZRZY", "--geometry", "polygon", "--control", "inform",
         "--group", "territorial_plan", "--scale", "5000", "--data-on", "2025-12-31", "--abstract", "用地布局"),
        ("STBHHX", "--title", "生态保护红线", "--department", "STHJ", "--geometry", "polygon", "--control", "prohibit",
         "--group", "control_zones"),
    ]  # fmt: skip
    for words in options:
        assert command("layer", "define", *words).status == 0

    listed = command("layer", "list", "--format", "json").json
    found = command("layer", "list", "--search", "布局", "--format", "json").json
    shown = command("layer", "show", "GHYDYH", "--format", "json").json

    assert isinstance(listed, list) and isinstance(found, list) and isinstance(shown, dict)
    assert [item["code"] for item in listed] == ["STBHHX", "GHYDYH"]
    assert [item["code"] for item in found] == ["GHYDYH"]
    assert (shown["scale"], shown["data_on"]) == (5000, "2025-12-31")
    assert command("layer", "define", *options[0], "--data-on", "yesterday").status == 2
