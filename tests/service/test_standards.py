"""Standards as users meet them: listed, shown, named by a layer."""

import tomllib
from pathlib import Path

from tests.service.conftest import Command, Server, define_plan


def test_standards_are_listed_and_shown_by_command_line(command: Command):
    listed = command("standard", "list", "--format", "json")
    shown = command("standard", "show", "yjjbnttb", "--format", "json")

    assert len(listed.json) == 139
    assert shown.json["code"] == "YJJBNT"
    assert {"name": "BSM", "length": 18, "required": "M"}.items() <= shown.json["fields"][0].items()
    assert {code["title"] for code in shown.json["codes"]["survey_2019"]} >= {"裸岩石砾地"}
    assert "标识码" in command("standard", "show", "YJJBNT").out
    missing = command("standard", "show", "NOPE")
    assert (missing.status, "blueprint standard list" in missing.err) == (2, True)


def test_standards_are_public_over_http(running: Server):
    with running.client() as anyone:
        page = anyone.get("/api/standards").json()
        land_use = anyone.get("/api/standards/GHYDYH").json()
        assert anyone.get("/api/standards/NOPE").status_code == 404

    assert len(page["items"]) == 139
    assert {code["edition"] for code in land_use["codes"]["land_use"]} == {"2020", "2023"}
    assert land_use["covers_all"] is True


def test_a_layer_names_its_standard_by_any_of_its_names(command: Command, tmp_path: Path):
    catalogue = tmp_path / "layers.toml"
    catalogue.write_text(
        '[[layer]]\ncode = "FARM"\ntitle = "永农"\ndepartment = "ZRZY"\ngeometry = "polygon"\n'
        'control = "prohibit"\nstandard = "YJJBNTTB"\n',
        encoding="utf-8",
    )
    assert tomllib.loads(catalogue.read_text(encoding="utf-8"))["layer"][0]["standard"] == "YJJBNTTB"

    assert command("layer", "define", "--from", catalogue).status == 0

    assert command("layer", "show", "FARM", "--format", "json").json["standard"] == "YJJBNT"
    assert define_plan(command, "--standard", "GHYDYH").status == 0
    wrong = define_plan(command, "--standard", "HHAX")
    assert (wrong.status, "is of lines" in wrong.err) == (2, True)
