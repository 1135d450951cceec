"""The catalogue of issue kinds: whole, in both languages, and the page that is made from it."""

import re
from pathlib import Path

import pytest

from blueprint.quality.document import quality_markdown
from blueprint.quality.kinds import Level, kinds
from tests.conftest import ROOT

NOTED_BY_CODE = re.compile(r'(?:issues\.add\(|_say\(|Issue\()\s*"([a-z-]+)"', re.DOTALL)


def test_every_kind_that_the_check_notes_is_in_the_catalogue():
    noted = {
        code
        for path in (ROOT / "blueprint" / "quality").glob("*.py")
        for code in NOTED_BY_CODE.findall(path.read_text(encoding="utf-8"))
    }

    assert len(noted) > 25
    assert noted <= set(kinds())


@pytest.mark.parametrize("code", list(kinds()))
def test_a_kind_says_the_same_values_in_both_languages_or_fewer_in_one(code: str):
    kind = kinds()[code]
    values = {name: name for name in kind.placeholders}

    words = kind.words(values)

    assert re.search(r"[一-鿿]", words.zh) and re.search(r"[一-鿿]", kind.todo.zh)
    assert not re.search(r"[一-鿿]", words.en + kind.todo.en)


def test_the_page_is_made_from_the_catalogue():
    page = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")

    assert page == quality_markdown(), "run: python -m blueprint.quality.document > docs/quality.md"
    for level in Level:
        assert re.search(rf"^## .* {level}: ", page, re.MULTILINE)


def test_a_fault_in_the_catalogue_is_said_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "kinds.csv"
    broken.write_text("code,level,zh,en,todo_zh,todo_en\nBad Code,error,字,word,做,do\n", encoding="utf-8")
    monkeypatch.setattr("blueprint.quality.kinds.CATALOGUE", broken)
    kinds.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"kinds\.csv:2: code 'Bad Code'"):
            kinds()
    finally:
        monkeypatch.undo()
        kinds.cache_clear()
