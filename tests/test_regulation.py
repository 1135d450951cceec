"""The page of the regulation names tests and modules that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "regulation.md").read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
FILES = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_test_that_the_regulation_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    missing = {name for name in named if f"def {name}(" not in TESTS and name not in FILES}
    assert len(named) > 60
    assert missing == set()


def test_every_article_of_the_regulation_is_on_the_page() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)

    told = {int(number) for row in rows for number in re.findall(r"\d+", row)}
    assert told >= set(range(2, 21)), set(range(2, 21)) - told
