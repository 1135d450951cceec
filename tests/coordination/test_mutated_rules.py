"""Rule sets with one thing changed: refused with a line, or a rule set that says what its file says; never a fault.

`BLUEPRINT_MUTATIONS=20000` changes more than the suite does.
"""

import os
import random
import re
import time

import pytest
import yaml

from blueprint.errors import InvalidInputError
from blueprint.layers.models import Control
from coordination.rule_file import parse_rule_set
from coordination.rule_sets import RuleSet
from tests.conftest import ROOT

MUTATIONS = int(os.environ.get("BLUEPRINT_MUTATIONS", "250"))
SAMPLE = ROOT / "data" / "sample_layers" / "anshan" / "rules.yaml"
WORDS = (
    "~", "null", "", "''", "[]", "{}", "- 1", "0", "-1", "1e400", "nan", ".inf", "0x10", "1_000", "yes", "true", "2026-02-30", "2026-13-01",
    "20260101", "prohibit", "Prohibit", "forbid", "&a x", "*a", "!!python/object/apply:os.system [ls]", "!!binary aGk=", "<<: {a: 1}", "%", "\t",
    "'\\0'", '"\\ud800"', "{area_m2}", "'{area_m2.__class__}'", "'{0}'", "'{area_m2!r:>9999999}'", "'{'", "|", ">", "? x", "@", "`", "x: y: z", "#",
    "一级", "０１０３", "0103", "1:20", "12:30:45", "+inf", "1e5", "99999999999999999999",
)  # fmt: skip


def _mutated(lines: list[str], chance: random.Random) -> list[str]:
    """One to three lines changed: left out, doubled, moved, otherwise indented, with another value, key or sign."""
    made = list(lines)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(made))
        line = made[at]
        match chance.randrange(9):
            case 0:
                del made[at]
            case 1:
                made.insert(at, line)
            case 2:
                other = chance.randrange(len(made))
                made[at], made[other] = made[other], made[at]
            case 3:
                made[at] = " " * chance.randrange(0, 8) + line.lstrip()
            case 4 | 5 if ":" in line:
                made[at] = line.partition(":")[0] + ": " + chance.choice(WORDS)
            case 6 if ":" in line:
                made[at] = line.replace(line.partition(":")[0].strip(), chance.choice(WORDS) or "x", 1)
            case 7 if line:
                place = chance.randrange(len(line))
                made[at] = (
                    line[:place] + chance.choice("[]{}:,'\"#&*!|>%@`\t\x00\x85\ufeff0 -") + line[place + 1 :]
                )
            case _:
                made.insert(at, chance.choice(WORDS))
    return made


def _refused(content: bytes) -> RuleSet | None:
    """The rule set, or None where it is refused: in one sentence that names a line."""
    started = time.monotonic()
    try:
        return parse_rule_set(content, "rules.yaml")
    except InvalidInputError as error:
        assert re.match(r"rules\.yaml(:\d+)?: |the rule set rules\.yaml ", error.message), error.message
        assert len(error.message) < 4_000 and "Traceback" not in error.message
        if not error.message.startswith("the rule set"):
            line = re.match(r"rules\.yaml:(\d+): ", error.message)
            assert line is not None, error.message
            assert 1 <= int(line[1]) <= content.count(b"\n") + 2, error.message
        assert re.search("[一-鿿]", error.sentence.chinese), error.message
        return None
    finally:
        assert time.monotonic() - started < 30


def _said_again(rule_set: RuleSet, content: bytes) -> None:
    """Every rule has what its node says, read by YAML alone, as text: nothing was passed over or taken for another thing."""
    document = yaml.load(content.decode("utf-8"), Loader=yaml.BaseLoader)
    assert len(document["rules"]) == len(rule_set.rules)
    for said, rule in zip(document["rules"], rule_set.rules, strict=True):
        assert (rule.id, rule.layer) == (said["id"].strip(), said["layer"].strip())
        assert (rule.control or "") == said.get("control", "").strip()
        assert rule.basis == tuple(each.strip() for each in said["basis"])
        assert (
            rule.last_checked_on.isoformat() == said["last_checked_on"].strip()
            or said["last_checked_on"].strip().isalnum()
        )
        assert (rule.relation or "") == said.get("relation", "").strip()
        assert (rule.threshold is not None) == ("threshold" in said)
        for name, value in (said.get("threshold") or {}).items():
            assert getattr(rule.threshold, name) == float(value)
        if rule.reach is not None:
            assert rule.reach.distance_m == float(said["distance_m"])
        if rule.when is not None:
            assert (rule.when.field, rule.when.values) == (
                said["when"]["field"].strip(),
                tuple(v.strip() for v in said["when"]["values"]),
            )
        if rule.matrix is not None:
            assert sum(map(len, rule.matrix.uses.values())) == sum(map(len, said["matrix"]["uses"].values()))
        if rule.pixels is not None:
            assert rule.pixels.share == float(said["pixels"].get("share", 0))
        assert set(said) <= set(vars(rule)) | {"distance_m", "distance_by"}
        assert rule.control is None or rule.control in list(Control)
        for words in (rule.finding, rule.finding_en):
            words.format(area_m2="1", hectares="1", mu="1", share="1", length_m="1", points="1", title="x")


def test_a_changed_rule_set_is_refused_with_its_line_or_says_what_its_file_says():
    content = SAMPLE.read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=  - id: )", content)
    chance, taken = random.Random(210_300), 0
    for number in range(MUTATIONS):
        # A few rules at a time: the whole file would take a second to read, and hide one change among thousands of lines.
        rules = chance.sample(blocks[1:], min(4, len(blocks) - 1))
        text = "\n".join(_mutated((blocks[0] + "".join(rules)).split("\n"), chance))
        encoded = text.encode("utf-8", "surrogatepass")
        try:
            rule_set = _refused(encoded)
            if rule_set is not None:
                taken += 1
                _said_again(rule_set, encoded)
        except BaseException as error:
            error.add_note(f"mutation {number}\n{text}")
            raise
    assert 0 < taken < MUTATIONS


def test_the_sample_says_what_its_file_says():
    content = SAMPLE.read_bytes()
    rule_set = _refused(content)

    assert rule_set is not None
    _said_again(rule_set, content)


def test_a_sign_that_no_yaml_has_is_refused_with_its_line():
    with pytest.raises(InvalidInputError, match=r"^rules\.yaml:2: no YAML: U\+0000"):
        parse_rule_set(b"code: x\nversion: \x00", "rules.yaml")
