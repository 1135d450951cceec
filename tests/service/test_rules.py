"""Rule sets by the command line and over HTTP: the sample city's own."""

from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.city import City
from service.samples import sample_folder
from tests.made import publish, square
from tests.service.conftest import Command, Server

RULES = sample_folder("anshan") / "rules.yaml"


def test_the_sample_rule_set_is_valid_and_shown_and_tried(command: Command):
    valid = command("rules", "validate", RULES, "--format", "json").json
    shown = command("rules", "show", "--format", "json").json
    tried = command("rules", "try", RULES)

    assert valid == shown
    assert len({rule["layer"] for rule in valid["rules"]}) == len(valid["rules"]) == 21
    assert tried.status == 0, tried.err
    assert "没有项目 no project" in tried.out


def test_a_wrong_rule_set_is_refused_with_its_line(command: Command, tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("code: x\nversion: 1\nrules:\n  - id: a\n", encoding="utf-8")

    refused = command("rules", "validate", path)

    assert refused.status == 2
    assert refused.err.startswith("blueprint: wrong.yaml:4: layer, title")
    assert command("rules", "validate", tmp_path / "none.yaml").status == 2


def test_anybody_reads_the_rules_of_the_layers_that_he_may_read(running: Server, city: City):
    classes = {"YJJBNT": "public", "CZKFBJ": "internal", "GDX_66": "restricted"}
    with Session(running.edge.engine) as session, session.begin():
        for code, sensitivity in classes.items():
            publish(session, city, code, [square(0, 0, 50)], department="SLJ", sensitivity=sensitivity)

    def shown(department: str | None = None) -> set[str]:
        with running.client(department) as client:
            answer = client.get("/api/rules").json()
        assert (answer["code"], answer["version"]) == ("anshan-2019", 1)
        assert set(answer["unsigned"]) == {rule["id"] for rule in answer["rules"]}
        return {rule["layer"] for rule in answer["rules"]}

    assert shown() == {"YJJBNT"}
    assert shown("WLJ") == {"YJJBNT", "CZKFBJ"}
    assert shown("SLJ") == set(classes)
    assert len(shown("ZRZY")) == 21
