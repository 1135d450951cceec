"""`blueprint project …` and `blueprint case …`: the whole way on the command line, against a real database."""

import json
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer import Typer
from typer.testing import CliRunner

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.errors import BlueprintError, ConflictError, InvalidInputError, NotFoundError
from service.commands import case_group, project
from tests.coordination.world import install_layer, write_footprint

CODE = "2511-210300-04-01-669304"
"""Its check digit should be 3: taken with a warning."""

PROFILE = """
name = "鞍山市"
administrative_code = "210300"
working_crs = "EPSG:4550"
[[department]]
code = "slj"
name = "水利局"
[[department]]
code = "fgw"
name = "发展和改革委员会"
always_asked = true
[[department]]
code = "spj"
name = "行政审批局"
role = "approvals"
"""


class Commands:
    """The command line of this test's database."""

    def run(self, app: Typer, *arguments: str) -> str:
        """Standard output of a command that succeeds."""
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, BlueprintError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def read(self, app: Typer, *arguments: str) -> Any:
        """What a command prints as JSON, and nothing else."""
        return json.loads(self.run(app, *arguments, "--format", "json"))


@pytest.fixture
def commands(fresh_database: str, world: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands on a database of the test's own that has the river."""
    profile = tmp_path / "city.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", fresh_database)
    monkeypatch.setenv("BLUEPRINT_CITY", str(profile))
    monkeypatch.delenv("BLUEPRINT_APPROVAL_URL", raising=False)
    engine = make_engine(fresh_database)
    with Session(engine) as session, session.begin():
        install_layer(session, world, "river", (200, 300), starts_on=date(2026, 1, 1))
    engine.dispose()
    return Commands()


def test_a_project_goes_the_whole_way_by_commands(commands: Commands, tmp_path: Path) -> None:
    site = str(write_footprint(tmp_path / "site.geojson", 220, 320))
    particulars = ("--name", "示例小学", "--applicant", "教育局", "--purpose", "小学", "--crs", "EPSG:4550")
    number = commands.run(project.app, "register", site, *particulars).strip()
    with pytest.raises(ConflictError, match="check it first"):
        commands.run(project.app, "consult", number)
    assert commands.read(project.app, "check", number)["verdict"] == "restrict"
    opened = commands.read(project.app, "consult", number)
    requests = {r["department"]: str(r["id"]) for r in opened["requests"]}
    assert sorted(requests) == ["fgw", "slj"]
    assert "待反馈" in commands.run(project.app, "opinions", number)
    with pytest.raises(InvalidInputError, match="conditions"):
        commands.run(project.app, "answer", requests["slj"], "agree_with_conditions")
    with pytest.raises(InvalidInputError, match="--finding"):
        commands.run(project.app, "answer", requests["slj"], "agree", "--finding", "1=maybe")
    given = (
        "agree_with_conditions",
        "--conditions",
        "办理许可",
        "--finding",
        "1=agree_with_conditions:避开汛期",
    )
    commands.run(project.app, "answer", requests["slj"], *given)
    with pytest.raises(ConflictError, match="awaited of 发展和改革委员会"):
        commands.run(project.app, "clear", number)
    commands.run(project.app, "answer", requests["fgw"], "no_objection")
    assert "0" in commands.run(project.app, "close-overdue")
    commands.run(project.app, "clear", number)
    document = tmp_path / "意见书.docx"
    commands.run(project.app, "generation-opinion", number, str(document))
    with zipfile.ZipFile(document) as word:
        assert "避开汛期" in word.read("word/document.xml").decode()
    assert "1" in commands.run(project.app, "push")
    assert "0" in commands.run(project.app, "push")
    assert [p["status"] for p in commands.read(project.app, "list")] == ["handed_over"]
    for words in (number, "有条件同意", "办理许可", "已推送"):
        assert words in commands.run(project.app, "show", number)

    with pytest.raises(ConflictError, match="project code"):
        commands.run(case_group.app, "accept", number, "land_use_planning")
    assert commands.read(case_group.app, "bind-code", number, CODE)["project_code_warning"]
    commands.run(case_group.app, "prepare", CODE, "SOC_SMALL")
    owed = commands.read(case_group.app, "obligations", CODE)
    assert len(owed) == 2, "the condition of the whole, and that of the finding"
    for each in owed:
        commands.run(case_group.app, "meet-obligation", CODE, str(each["id"]), "--item", "D408")
    commands.run(case_group.app, "accept", CODE, "land_use_planning")
    commands.run(case_group.app, "steps", CODE, "submit")
    for item, lacking in (("A103", ("M01", "M02")), ("A105", ("M01", "M02", "M21"))):
        tolerated = [
            word for code in lacking for word in ("--promised", f"{code}={date.today() + timedelta(days=30)}")
        ]
        commands.run(case_group.app, "step", CODE, item, "accept", *tolerated)
        commands.run(case_group.app, "step", CODE, item, "begin")
        signed = ("--result-number", f"{item}号", "--result-title", "批复", "--signed-by", "局长")
        commands.run(case_group.app, "step", CODE, item, "approve", *signed)
    commands.run(case_group.app, "conclude", CODE, "land_use_planning")
    assert [c["current_stage"] for c in commands.read(case_group.app, "list")] == ["project_permit"]
    assert "已办结" in commands.run(case_group.app, "show", CODE)


def test_a_disagreement_is_answered_shown_discussed_and_settled_by_commands(
    commands: Commands, tmp_path: Path
) -> None:
    site = str(write_footprint(tmp_path / "site.geojson", 220, 320))
    particulars = ("--name", "示例小学", "--applicant", "教育局", "--purpose", "小学", "--crs", "EPSG:4550")
    number = commands.run(project.app, "register", site, *particulars).strip()
    commands.run(project.app, "check", number)
    opened = commands.read(project.app, "consult", number)
    water, plan = (str(r["id"]) for d in ("slj", "fgw") for r in opened["requests"] if r["department"] == d)
    assert commands.read(project.app, "propose", number)["departments"][0]["stands"]
    letter, back, drawn, opinion, minutes, book = (
        tmp_path / name
        for name in ("函.pdf", "back.pdf", "map.geojson", "opinion.json", "minutes.json", "all.xlsx")
    )

    commands.run(project.app, "stop-clock", water, "--reason", "缺防洪评价")
    commands.run(project.app, "restart-clock", water, "--reason", "已补充")
    assert "缺防洪评价" in commands.run(project.app, "clock", water) + commands.run(project.app, "notices")
    letter.write_bytes(b"%PDF-1.7\n1 0 obj\n")
    commands.run(project.app, "attach", number, str(letter), "--request", plan)
    (kept,) = commands.read(project.app, "attachments", number)
    commands.run(project.app, "attachment", str(kept["id"]), str(back))
    assert back.read_bytes() == letter.read_bytes()
    commands.run(project.app, "request-map", water, str(drawn))
    kinds = [f["properties"].get("number") for f in json.loads(drawn.read_text())["features"]]
    assert kinds == [None, 1]
    condition = {"text": "避开汛期", "finding": 1}
    opinion.write_text(json.dumps({"kind": "agree_with_conditions", "condition_list": [condition]}))
    commands.run(project.app, "answer", water, "--file", str(opinion))
    by_letter = ("--source", "letter", "--evidence", "发改函〔2026〕1号")
    commands.run(
        project.app,
        "answer",
        plan,
        "disagree",
        "--reason",
        "未列入计划",
        "--basis",
        "《条例》第九条",
        *by_letter,
    )
    (against,) = commands.read(project.app, "contradictions", number)
    assert (against["one"]["words"], against["other"]["words"]) == ("避开汛期", "未列入计划")

    about = ("--question", "列入计划", "--department", "fgw", "--department", "slj")
    commands.run(project.app, "ask-meeting", number, *about)
    (meeting,) = (str(m["id"]) for m in commands.read(project.app, "meetings", number))
    commands.run(project.app, "call-meeting", meeting, "--at", "2099-12-01T09:30", "--place", "一号会议室")
    decision = {"department": "fgw", "text": "列入下年计划后开工", "request_id": int(plan)}
    minutes.write_text(json.dumps({"minutes": "议定。", "decisions": [decision]}))
    commands.run(project.app, "minutes", meeting, str(minutes))
    with pytest.raises(ConflictError, match="disagree; change the footprint"):
        commands.run(project.app, "clear", number)
    commands.run(project.app, "close-decision", meeting, "1", "--how", "同意")
    commands.run(project.app, "clear", number)
    commands.run(project.app, "export", str(book), "--search", "小学")
    with zipfile.ZipFile(book) as workbook:
        assert number in workbook.read("xl/sharedStrings.xml").decode()
    commands.run(project.app, "withdraw", number, "--reason", "用地变更")
    (shown,) = commands.read(project.app, "list", "--status", "adjusting")
    assert shown["planning_number"] == number
    acts = [event["act"] for event in commands.read(project.app, "history", number)]
    assert {"call_meeting", "clear_project", "withdraw_clearance"} <= set(acts)


def test_a_new_footprint_by_command_is_the_next_revision(commands: Commands, tmp_path: Path) -> None:
    site = str(write_footprint(tmp_path / "site.geojson", 220, 320))
    reason = ("--out-of-scope", "须报国家审批", "--crs", "EPSG:4550")
    registered = commands.read(
        project.app, "register", site, "--name", "铁路", "--applicant", "铁路局", "--purpose", "铁路", *reason
    )
    assert registered["in_scope"] is False

    commands.run(project.app, "footprint", str(registered["id"]), site, "--crs", "EPSG:4550")

    assert commands.read(project.app, "show", str(registered["id"]))["footprint"]["revision"] == 2


@pytest.mark.parametrize(
    "arguments", [("show", "CH-210300-2026-000009"), ("check", "7"), ("answer", "7", "agree")]
)
def test_an_unknown_number_is_said_by_commands(commands: Commands, arguments: tuple[str, ...]) -> None:
    with pytest.raises(NotFoundError):
        commands.run(project.app, *arguments)


@pytest.mark.parametrize("app", [project.app, case_group.app])
def test_every_command_has_help_in_chinese_and_english(app: Typer) -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        text = CliRunner().invoke(app, [command.name or "", "--help"]).stdout
        assert any("\u4e00" <= letter <= "\u9fff" for letter in text), command.name
        assert "·" in (command.callback.__doc__ or "")
