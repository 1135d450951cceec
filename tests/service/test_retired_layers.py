"""Defining a layer anew, changing it, and taking it out of use: over HTTP and by command line."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditEntry
from tests.badfiles import good
from tests.service.conftest import Command, Server

LAYER: dict[str, Any] = {
    "code": "PLAN", "title": "控制线", "department": "ZRZY", "geometry": "polygon", "control": "prohibit", "lineage": "总规",
}  # fmt: skip
ONLY_NEW = {"If-None-Match": "*"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": ""}, "title"),
        ({"department": "NOBODY"}, "department"),
        ({"standard": "NO_SUCH"}, "standard"),
        ({"scale": "large"}, "scale"),
        ({"buffer_m": 5, "buffer_by": {"field": "DYDJ", "widths": {"220": -1}}}, "buffer_by.widths.220"),
        ({"buffer_m": 5, "buffer_by": {"field": "DYDJ", "widths": {"220": 15}}}, "buffer_m"),
    ],
)
def test_a_definition_that_is_wrong_is_told_with_the_place_where_it_is(
    running: Server, change: dict[str, Any], place: str
):
    body = json.dumps(LAYER | change)
    answer = running.client("ZRZY").post(
        "/api/layers", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["place"] == place


def test_of_two_who_define_the_same_code_as_new_one_is_told_that_it_is_taken(running: Server):
    def define(title: str) -> httpx.Response:
        with running.client("ZRZY") as client:
            return client.post("/api/layers", json=LAYER | {"title": title}, headers=ONLY_NEW)

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(define, ("one", "other")))

    assert sorted(answer.status_code for answer in answers) == [201, 412]
    refused = next(answer for answer in answers if answer.status_code == 412)
    kept = next(answer for answer in answers if answer.status_code == 201)
    assert refused.json()["place"] == "code"
    assert running.client().get("/api/layers/PLAN").json()["title"] == kept.json()["title"]


def test_a_retired_layer_takes_nothing_new_is_left_out_of_checks_and_comes_back(running: Server):
    keeper = running.client("ZRZY")
    for code in ("PLAN", "OTHER"):
        assert keeper.post("/api/layers", json=LAYER | {"code": code}).status_code == 201
    file = {"file": ("plan.geojson", good())}
    for code in ("PLAN", "OTHER"):
        stored = keeper.post(f"/api/layers/{code}/versions", files=file, data={"in_force_from": "2024-01-01"})
        assert stored.status_code == 201, stored.text
    reason = {"reason": "并入新的控制线图层"}

    def drafts() -> list[str]:
        items = keeper.get("/api/departments/ZRZY/open-work").json()["items"]
        return [work["id"] for work in items if work["kind"] == "draft"]

    in_force = keeper.post("/api/layers/PLAN/retirement", json=reason)
    assert in_force.status_code == 409 and "withdraw it first" in in_force.json()["detail"]
    assert running.client("STHJ").post("/api/layers/PLAN/retirement", json=reason).status_code == 403
    kept = keeper.post("/api/checks?keep=true", json=json.loads(good())).json()
    assert keeper.post("/api/layers/PLAN/versions", files=file).status_code == 201
    assert keeper.post("/api/layers/PLAN/versions/1/withdrawal").status_code == 200
    assert drafts() == ["PLAN v2"]
    assert keeper.post("/api/layers/PLAN/retirement", json={"reason": " "}).json()["place"] == "reason"
    retired = keeper.post("/api/layers/PLAN/retirement", json=reason)

    assert retired.status_code == 200 and retired.json()["retired_reason"] == reason["reason"]
    site = json.loads(good())
    checked = running.client().post("/api/checks", json=site)
    assert checked.status_code == 200, checked.text
    assert [layer["code"] for layer in checked.json()["layers"]] == ["OTHER"]
    assert sorted(layer["code"] for layer in kept["layers"]) == ["OTHER", "PLAN"]
    same_day = f"/api/checks/{kept['check_id']}"
    assert keeper.post(f"{same_day}/verification").json()["holds"] is True
    assert keeper.get(f"{same_day}?f=pdf").status_code == 200
    assert drafts() == []
    yesterday = running.client().post("/api/checks", json=site, params={"on": "2024-06-01"})
    assert sorted(layer["code"] for layer in yesterday.json()["layers"]) == ["OTHER", "PLAN"]
    for refused in (
        keeper.post("/api/layers/PLAN/versions", files=file),
        keeper.post("/api/layers", json=LAYER),
        keeper.post("/api/layers/PLAN/retirement", json=reason),
    ):
        assert refused.status_code == 409 and "was retired on" in refused.json()["detail"]

    assert keeper.delete("/api/layers/PLAN/retirement").json()["retired_on"] is None
    assert keeper.post("/api/layers/PLAN/versions", files=file).status_code == 201
    with Session(running.edge.engine) as session:
        told = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.act == "define_layer", AuditEntry.outcome == "done", AuditEntry.thing == "PLAN")
            .order_by(AuditEntry.seq)
        ).all()
        reasons = [((entry.before or {}).get("reason"), (entry.after or {}).get("reason")) for entry in told]
    assert reasons == [(None, None), (None, reason["reason"]), (reason["reason"], None)]


def test_the_command_line_changes_what_is_given_alone_and_retires(command: Command):
    options = ("--title", "控制线", "--department", "ZRZY", "--geometry", "polygon", "--control", "inform")
    assert command("layer", "define", "PLAN", *options, "--lineage", "总规", "--color", "#2e7d32").status == 0

    assert command("layer", "define", "PLAN", "--title", "新名称", "--color", "").status == 0

    shown = command("layer", "show", "PLAN", "--format", "json").json
    assert isinstance(shown, dict)
    assert (shown["title"], shown["lineage"], shown["color"]) == ("新名称", "总规", None)
    zones = ("--buffer-m", "20", "--buffer-field", "DYDJ", "--width", "66=10", "--width", "220=20")
    for said, buffer_by in (
        (zones, {"field": "DYDJ", "widths": {"66": 10, "220": 20}, "edge_width_field": None, "edge_width_m": 0}),
        (("--edge-width-m", "5"), {"field": "DYDJ", "widths": {"66": 10, "220": 20}, "edge_width_field": None, "edge_width_m": 5}),
        (("--data-on", "", "--buffer-field", ""), {"field": None, "widths": {}, "edge_width_field": None, "edge_width_m": 5}),
        (("--edge-width-m", "0"), None),
    ):  # fmt: skip
        changed = command("layer", "define", "PLAN", *said, "--format", "json")
        assert changed.status == 0, changed.err
        assert isinstance(changed.json, dict) and changed.json["buffer_by"] == buffer_by
    assert command("layer", "retire", "PLAN", "--reason", "不再使用", "--yes").status == 0
    assert command("layer", "define", "PLAN", "--title", "再改").status == 1
    assert command("layer", "reinstate", "PLAN").status == 0
    assert command("layer", "define", "PLAN", "--title", "再改").status == 0
