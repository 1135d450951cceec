"""Rule sets by the command line and over HTTP: the sample city's own."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditEntry
from blueprint.city import City
from blueprint.jobs.kinds import JobRun
from blueprint.jobs.worker import Worker
from blueprint.permissions import Role
from blueprint.wall import KEEPER, seeing
from coordination.batch.job import BATCH_CHECK
from coordination.batch.models import BatchCheck
from coordination.kept_rules import KeptRuleSet
from service.samples import sample_folder
from service.settings import Settings
from tests.coordination.conftest import world  # noqa: F401
from tests.coordination.world import install_layers
from tests.coordination.world import square as world_square
from tests.made import publish, square
from tests.service.browser import until
from tests.service.conftest import Command, Server, serving
from tests.service.office import Office
from tests.service.test_coordination_pages import go, office, page, picture, press, sign_in  # noqa: F401

RULES = sample_folder("anshan") / "rules.yaml"


def test_the_sample_rule_set_is_valid_and_shown_and_tried(command: Command):
    valid = command("rules", "validate", RULES, "--format", "json").json
    shown = command("rules", "show", "--format", "json").json
    tried = command("rules", "try", RULES)

    assert valid == shown
    assert (len({rule["layer"] for rule in valid["rules"]}), len(valid["rules"])) == (36, 45)
    assert tried.status == 0, tried.err
    assert "没有项目 no project" in tried.out


def test_a_wrong_rule_set_is_refused_with_its_line(command: Command, tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("code: x\nversion: 1\nrules:\n  - id: a\n", encoding="utf-8")

    refused = command("rules", "validate", path)

    assert refused.status == 2
    assert "\nblueprint: wrong.yaml:4: layer, title" in refused.err
    assert command("rules", "validate", tmp_path / "none.yaml").status == 2


def test_the_sample_rules_fit_their_layers_and_one_that_does_not_is_refused_by_its_line(
    command: Command, tmp_path: Path
):
    for code in ("YJJBNT", "CZKFBJ"):
        defined = command("layer", "define", code, "--title", code, "--department", "ZRZY", "--geometry", "polygon",
                          "--control", "restrict")  # fmt: skip
        assert defined.status == 0, defined.err
    path = tmp_path / "rules.yaml"
    text = RULES.read_text(encoding="utf-8")
    path.write_text(
        text
        + CHANGED.split("rules:\n")[1].replace("river", "YJJBNT").replace("R-RIVER", "R-NEVER")
        + "    pixels: {above: 5}\n",
        encoding="utf-8",
    )

    assert command("rules", "validate", RULES).status == 0
    refused = command("rules", "validate", path)
    alone = command("rules", "validate", path, "--file-alone")

    line = path.read_text(encoding="utf-8").count("\n")
    assert (refused.status, f"rules.yaml:{line}: R-NEVER: " in refused.err) == (2, True)
    assert alone.status == 0


def test_anybody_reads_the_rules_of_the_layers_that_he_may_read(running: Server, city: City):
    classes = {"YJJBNT": "public", "CZKFBJ": "internal", "GDX_66": "restricted"}
    with Session(running.edge.engine) as session, session.begin():
        for code, sensitivity in classes.items():
            publish(session, city, code, [square(0, 0, 50)], department="SLJ", sensitivity=sensitivity)

    def shown(department: str | None = None) -> set[str]:
        with running.client(department) as client:
            answer = client.get("/api/rules").json()
        assert (answer["code"], answer["version"]) == ("anshan-2019", 2)
        assert set(answer["unsigned"]) == {rule["id"] for rule in answer["rules"]}
        assert answer["never_met"] == {}
        assert answer["titles"].keys() == classes.keys() & {rule["layer"] for rule in answer["rules"]}
        return {rule["layer"] for rule in answer["rules"]}

    assert shown() == {"YJJBNT"}
    assert shown("WLJ") == {"YJJBNT", "CZKFBJ"}
    assert shown("SLJ") == set(classes)
    assert len(shown("ZRZY")) == 36


CHANGED = """code: world
version: 7
rules:
  - id: R-RIVER
    layer: river
    title: 河道管理范围
    title_en: River
    finding: "{area_m2}㎡"
    finding_en: "{area_m2} m²"
    remedy: 避让
    remedy_en: Keep off
    basis: [《防洪法》第二十二条]
    last_checked_on: 2026-11-01
    control: prohibit
"""


@pytest.mark.browser
def test_a_coordinator_tries_a_changed_rule_set_over_http_and_on_its_page_and_nothing_is_kept(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
):
    server = office.server
    coordinator = server.client("zrzy")
    school = {"name": "示例小学", "applicant": "教育局", "purpose": "新建小学", "crs": "EPSG:4550"}
    made = coordinator.post("/api/projects", json=school | {"footprint": world_square(220, 240, 20, 80)})
    assert made.status_code == 201, made.text

    tried = coordinator.post("/api/rules/trial", json={"rules": CHANGED})
    wrong = coordinator.post(
        "/api/rules/trial", json={"rules": CHANGED.replace("control: prohibit", "colour: red")}
    )
    too_many = coordinator.post("/api/rules/trial", json={"rules": CHANGED, "limit": 26})
    formatted = coordinator.post(
        "/api/rules/trial", json={"rules": CHANGED.replace("{area_m2}㎡", "{area_m2:d}")}
    )
    never_met = coordinator.post("/api/rules/trial", json={"rules": CHANGED + "    relation: crosses\n"})
    refused = server.client("slj").post("/api/rules/trial", json={"rules": CHANGED})

    assert tried.status_code == 200, tried.text
    [project] = [each for each in tried.json()["projects"] if each["project_id"] == made.json()["id"]]
    turn = (project["verdict_before"], project["verdict_after"], project["turn"], project["layers"])
    assert turn == ("restrict", "prohibit", "other", ["river"])
    assert (tried.json()["rule_set"], tried.json()["unsigned"]) == ("world v7", ["R-RIVER"])
    assert (wrong.status_code, wrong.json()["detail"][:28]) == (422, "rules.yaml:14: unknown key '")
    assert (too_many.status_code, "25" in too_many.text) == (422, True)
    assert (formatted.status_code, "without : or !" in formatted.json()["detail"]) == (422, True)
    assert never_met.status_code == 422
    assert never_met.json()["detail"].startswith("rules.yaml:15: R-RIVER: no site crosses")
    assert refused.status_code == 403
    with Session(server.edge.engine) as session:
        assert session.scalar(select(func.count()).where(KeptRuleSet.name == "world v7")) == 0
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "try_rules")).all()
        assert [entry.thing for entry in entries] == ["world v7"]

    sign_in(page, server, "lin")
    go(page, server, "/rules")
    until(
        page, "document.querySelectorAll('#rules tr').length > 1 || document.querySelector('#rules caption')"
    )
    (tmp_path / "rules.yaml").write_text(CHANGED, encoding="utf-8")
    page.set_input_files("#file", tmp_path / "rules.yaml")
    page.click("#trial button[type=submit]")
    until(page, "document.getElementById('message').innerText.includes('试算完成')")
    assert "示例小学" in page.inner_text("#turns") and "程度变化" in page.inner_text("#turns")
    picture(page, "rules")


def _stands(server: Server) -> list[tuple[str, str]]:
    history = server.client("zrzy").get("/api/rules").json()["history"]
    return [(each["rule_set"], each["standing"]) for each in history]


@pytest.mark.browser
def test_a_changed_rule_set_is_compared_put_in_force_and_taken_back_on_its_page(
    make_database: Callable[[], AbstractContextManager[str]],
    world: City,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
):
    first, changed = tmp_path / "first.yaml", tmp_path / "changed.yaml"
    first.write_text(CHANGED.replace("version: 7", "version: 6").replace("prohibit", "advise"), "utf-8")
    changed.write_text(CHANGED, "utf-8")
    city = replace(world, rules_path=first)
    with make_database() as database, serving(database, city, Settings()) as server:
        with seeing(KEEPER), Session(server.edge.engine) as session, session.begin():
            install_layers(session, city)
        Office(server, city).hire("lin", Role.COORDINATOR, department="zrzy")
        coordinator = server.client("zrzy")
        site = world_square(220, 240, 20, 80)

        def checked() -> tuple[str, str]:
            report = coordinator.post("/api/checks?crs=EPSG:4550", json=site).json()
            return report["rule_set"], report["verdict"]

        assert checked() == ("world v6", "advise")
        assert coordinator.get("/api/rules/file").text == first.read_text("utf-8")
        assert server.client("slj").get("/api/rules/file").status_code == 403
        assert server.client("slj").post("/api/rules/in-force", json={"rules": CHANGED}).status_code == 403
        seen = coordinator.get("/api/rules").headers["etag"]

        sign_in(page, server, "lin")
        go(page, server, "/rules")
        page.set_input_files("#file", changed)
        page.click("#trial button[type=submit]")
        until(page, "document.getElementById('message').innerText.includes('试算完成')")
        told = page.inner_text("#changes")
        assert all(words in told for words in ("修改", "管控", "建议", "禁止"))
        picture(page, "rules-compared")
        press(page, "生效")
        until(page, "document.getElementById('in-force').innerText.includes('第 7 版')")

        assert checked() == ("world v7", "prohibit")
        assert _stands(server) == [("world v7", "in_force")]
        again = coordinator.post("/api/rules/in-force", json={"rules": CHANGED})
        other = coordinator.post("/api/rules/in-force", json={"rules": CHANGED + "    unsure: 待核\n"})
        past = coordinator.post(
            "/api/rules/in-force", json={"rules": CHANGED + "#\n", "starts_on": "2020-01-01"}
        )
        raced = coordinator.post("/api/rules/roll-back", headers={"If-Match": seen})
        assert [each.status_code for each in (again, other, past, raced)] == [409, 409, 422, 412]
        assert "world v7 is another rule set already" in other.json()["detail"]
        anyone = server.client().get("/api/rules").json()["history"]
        assert [each["decided_by"] for each in anyone] == [None]
        picture(page, "rules-in-force")

        press(page, "回退到前一套")
        until(page, "document.getElementById('in-force').innerText.includes('第 6 版')")
        assert checked() == ("world v6", "advise")
        assert _stands(server) == [("world v6", "in_force"), ("world v7", "earlier")]
        with Session(server.edge.engine) as session:
            acts = select(AuditEntry).where(
                AuditEntry.act == "put_rules_in_force", AuditEntry.kind == "rule_set"
            )
            taken = select(AuditEntry.thing).where(AuditEntry.act == "download_rules")
            assert session.scalars(taken).all() == ["world v6"]
            assert [entry.thing for entry in session.scalars(acts.order_by(AuditEntry.seq))] == [
                "world v7",
                "world v6",
            ]

        for version, day in ((8, "2099-01-30"), (9, "2099-01-07")):
            planned = {"rules": CHANGED.replace("version: 7", f"version: {version}"), "starts_on": day}
            assert coordinator.post("/api/rules/in-force", json=planned).status_code == 200
        go(page, server, "/rules")
        press(page, "取消排期")
        until(page, "document.getElementById('message').innerText.includes('已收回')")
        assert "world v9 已收回" in page.inner_text("#message")
        assert _stands(server)[:2] == [("world v9", "taken_back"), ("world v8", "planned")]


def test_a_batch_cites_the_rules_that_its_sites_were_checked_by(
    make_database: Callable[[], AbstractContextManager[str]],
    world: City,  # noqa: F811
    tmp_path: Path,
):
    first = tmp_path / "first.yaml"
    first.write_text(CHANGED.replace("version: 7", "version: 6"), "utf-8")
    city = replace(world, rules_path=first)
    with make_database() as database, serving(database, city, Settings()) as server:
        with seeing(KEEPER), Session(server.edge.engine) as session, session.begin():
            install_layers(session, city)
        coordinator = server.client("zrzy")
        feature = {"type": "Feature", "properties": {}, "geometry": world_square(220, 240, 20, 80)}
        file = json.dumps({"type": "FeatureCollection", "features": [feature]})
        asked = coordinator.post(
            "/api/check-batches", files={"file": ("sites.geojson", file)}, data={"crs": "EPSG:4550"}
        )
        assert asked.status_code == 202, asked.text

        def run(run: JobRun) -> dict[str, Any]:
            def tell(phase: str, done: int) -> None:
                if phase.startswith("check") and done:
                    assert coordinator.post("/api/rules/in-force", json={"rules": CHANGED}).status_code == 200

            return BATCH_CHECK.run(replace(run, tell=tell))

        assert Worker(server.edge, [replace(BATCH_CHECK, run=run)]).run_one()
        with seeing(KEEPER), Session(server.edge.engine) as session:
            assert session.scalars(select(BatchCheck.rule_set)).all() == ["world v6"]


def test_at_the_console_a_rule_set_is_planned_and_taken_back_before_its_day(command: Command, tmp_path: Path):
    changed = tmp_path / "rules.yaml"
    assert command("rules", "export", changed).status == 0
    assert changed.read_bytes() == RULES.read_bytes()
    changed.write_text(
        RULES.read_text("utf-8").replace("\nversion: 2\n", "\nversion: 3\n").replace("  - id: R-LD\n", "  - id: R-LD-NEW\n"),
        "utf-8",
    )  # fmt: skip

    differs = command("rules", "difference", changed, "--format", "json").json
    planned = command("rules", "in-force", changed, "--from", "2099-01-01")
    history = command("rules", "history", "--format", "json").json
    shown = command("rules", "show", "--format", "json").json
    back = command("rules", "roll-back")
    nothing = command("rules", "roll-back")

    assert {(each["id"], each["turn"]) for each in differs} == {("R-LD", "removed"), ("R-LD-NEW", "added")}
    assert (planned.status, "anshan-2019 v3 自 2099-01-01 起生效" in planned.out) == (0, True), planned.err
    assert [(each["name"], each["standing"]) for each in history] == [("anshan-2019 v3", "planned")]
    assert shown["version"] == 2
    assert (back.status, "已取消排期" in back.out) == (0, True), back.err
    assert (nothing.status, "未曾更换规则集" in nothing.err) == (1, True)
