"""Who is asked about a check, and the draft each starts from."""

from typing import Any

from blueprint.city import City, Department
from coordination.opinion_drafts import draft_opinion, draft_opinion_en
from coordination.responsibility import (
    Why,
    concerns_by_department,
    layers_not_seen,
    responsible_departments,
)


def finding(layer: str, severity: str, *, sliver: bool = False, **figures: Any) -> dict[str, Any]:
    values = {"source_id": "7", "feature_id": 1, "relation": "overlaps", "overlap_m2": 0.0, "length_m": 0.0}
    return (
        values
        | {"point_count": 0, "basis": None, "layer": layer, "severity": severity, "sliver": sliver}
        | figures
    )


def report(*findings: dict[str, Any], outcome: str = "conflict") -> dict[str, Any]:
    layers = [
        {"code": "river", "title": "河道管理范围", "department": "slj", "outcome": outcome},
        {"code": "line", "title": "高压线", "department": "gdj", "outcome": outcome},
    ]
    return {"layers": layers, "findings": list(findings)}


def test_only_findings_that_prohibit_restrict_or_advise_ask_a_department() -> None:
    concerns = concerns_by_department(
        report(finding("river", "advise", overlap_m2=12.5), finding("line", "inform", length_m=3.0))
    )

    assert list(concerns) == ["slj"]
    assert [c.overlap_m2 for c in concerns["slj"]] == [12.5]


def test_a_sliver_asks_nobody() -> None:
    assert concerns_by_department(report(finding("river", "inform", sliver=True, overlap_m2=0.3))) == {}


def test_the_worst_finding_comes_first() -> None:
    concerns = concerns_by_department(
        report(finding("river", "advise"), finding("river", "prohibit", source_id="2"))
    )

    assert [c.severity for c in concerns["slj"]] == ["prohibit", "advise"]


def test_a_new_layer_version_that_says_the_same_changes_no_concern() -> None:
    first = concerns_by_department(
        report(finding("river", "restrict", overlap_m2=5.0, version=1, feature_id=1))
    )
    second = concerns_by_department(
        report(finding("river", "restrict", overlap_m2=5.0, version=2, feature_id=9))
    )

    assert first == second


def test_departments_that_are_always_asked_are_asked_without_a_finding() -> None:
    departments = (Department("fgw", "发展和改革委员会", always_asked=True), Department("tjj", "统计局"))
    city = City("城市", "210300", "EPSG:4550", departments=departments)

    assert responsible_departments(["slj"], city) == {"fgw": Why.ALWAYS_ASKED, "slj": Why.TOUCHED}


def test_a_draft_names_layer_feature_measure_and_basis_and_proposes_by_the_worst() -> None:
    concerns = concerns_by_department(
        report(finding("river", "restrict", overlap_m2=4800.0, basis="《防洪法》第27条"))
    )

    draft = draft_opinion("示例小学", concerns["slj"])

    for words in ("示例小学", "河道管理范围", "图斑 7", "4,800.00 平方米", "《防洪法》第27条", "有条件同意"):
        assert words in draft
    assert "；\n\n" not in draft, "the last of the list ends it"


def test_a_draft_says_how_the_site_lies_to_the_layer() -> None:
    beyond = finding("river", "restrict", overlap_m2=4800.0, relation="outside")
    touching = finding("river", "restrict", relation="touches")

    draft = draft_opinion("示例小学", concerns_by_department(report(beyond, touching))["slj"])

    assert "位于其外 4,800.00 平方米" in draft and "压占" not in draft
    assert "位于边界" in draft and "touches" not in draft


def test_a_draft_has_the_words_of_the_rule_and_what_can_be_done() -> None:
    concerns = concerns_by_department(report(finding("river", "restrict", overlap_m2=4800.0)))
    rule = {
        "title": "河道",
        "finding": "占4,800㎡。",
        "remedy": "办理涉河审批。",
        "basis": ["《防洪法》第27条"],
    }

    draft = draft_opinion(
        "示例小学", concerns["slj"], [rule | {"layer": "river"}, rule | {"layer": "x", "title": "他"}]
    )

    assert "河道：占4,800㎡。措施：办理涉河审批。（依据《防洪法》第27条）" in draft
    assert "他" not in draft


def test_a_draft_in_english_says_what_the_chinese_one_says() -> None:
    concerns = concerns_by_department(report(finding("river", "restrict", overlap_m2=4800.0)))["slj"]
    rule = {"layer": "river", "title_en": "River", "finding_en": "4,800 m² are taken.", "remedy_en": "Ask."}
    titles = {"river": "River management strip"}

    draft = draft_opinion_en(
        "School", concerns, [rule, rule | {"layer": "x", "title_en": "Other"}], titles=titles
    )

    assert "1. River management strip (feature 7): restricted, " in draft and "4,800.00 m²" in draft
    assert "(1) River: 4,800 m² are taken. To do: Ask." in draft and "Other" not in draft
    assert draft.splitlines()[-1].startswith("Proposed: agree on conditions.")


def test_a_draft_without_findings_is_no_objection() -> None:
    assert draft_opinion("示例小学", ()).endswith("无意见。")
    assert draft_opinion_en("School", (), titles={}).endswith("no objection.")


def test_a_layer_that_the_checker_may_not_read_is_named() -> None:
    assert layers_not_seen(report(outcome="not_permitted")) == ("河道管理范围", "高压线")
    assert layers_not_seen(report(outcome="clear")) == ()
