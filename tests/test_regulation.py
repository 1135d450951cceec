"""The page of the regulation names tests, modules and functions that there are."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "regulation.md").read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
FILES = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
ROWS = [
    cells
    for line in PAGE.partition("## Not there yet")[0].splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4 and cells[0][:1].isdigit()
]
"""Articles, what they say, functions, tests."""


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def modules() -> dict[str, set[str]]:
    """What each module defines, by its path without the suffix: functions, classes, values, and members as `Class.member`."""
    found = {}
    for package in ("blueprint", "coordination", "approval", "tiles", "service"):
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found[path.relative_to(ROOT).with_suffix("").as_posix()] = set(_defined(tree.body))
    return found


def _defined(body: list[ast.stmt], of_class: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name):
                yield of_class + name
            case ast.ClassDef(name=name):
                yield name
                yield from _defined(node.body, f"{name}.")
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield of_class + name
            case ast.Assign(targets=targets):
                yield from (of_class + each.id for each in targets if isinstance(each, ast.Name))


@cache
def names() -> dict[str, set[str]]:
    """Everything that is defined, by its name: where."""
    found = defaultdict(set)
    for module, defined in modules().items():
        for name in defined:
            found[name].add(module)
            found[name.rpartition(".")[2]].add(module)
    return found


@cache
def migrations() -> str:
    return "\n".join(p.read_text() for p in (ROOT / "service/migrations/versions").glob("*.py"))


def exists(name: str) -> bool:
    """Say whether there is what a cell of the page names: a target of make, a migration, a module, what a module defines."""
    if name.startswith("make "):
        return f"\n{name.removeprefix('make ')}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    if re.fullmatch(r"\d{4}", name):
        return any((ROOT / "service/migrations/versions").glob(f"{name}_*.py"))
    if (ROOT / name).exists():
        return True
    place, _, member = name.rstrip("/").partition(".")
    if not member:
        is_folder = any(path.is_dir() for path in ROOT.glob(f"*/{place}")) or (ROOT / place).is_dir()
        return is_folder or any(_is(module, place) for module in modules()) or place in names()
    in_module = any(_is(module, place) and member in defined for module, defined in modules().items())
    in_database = re.search(rf"(FUNCTION|TABLE|TRIGGER) {re.escape(name)}\b", migrations()) is not None
    return in_module or name in names() or in_database


def _is(module: str, place: str) -> bool:
    return module == place or module.endswith(f"/{place}")


def test_every_test_that_the_regulation_names_exists() -> None:
    tests = {name for row in ROWS for name in named(row[3])}

    missing = {name for name in tests if f"def {name}(" not in TESTS and name not in FILES}
    assert len(tests) > 60
    assert missing == set()


def test_every_function_that_the_regulation_names_exists() -> None:
    functions = {name for row in ROWS for name in named(row[2])}

    missing = {name for name in functions if not exists(name)}
    assert len(functions) > 100
    assert missing == set()


@pytest.mark.parametrize(
    "name",
    ["make nothing", "9999", "coordination/nothing", "clock.nothing", "City.nothing", "nothing_at_all"],
)
def test_what_is_not_there_is_not_found(name: str) -> None:
    assert not exists(name)


def test_every_row_names_an_article_a_function_and_a_test() -> None:
    told = {int(number) for row in ROWS for number in re.findall(r"\d+", row[0])}

    assert told >= set(range(2, 21)), set(range(2, 21)) - told
    assert [row[1] for row in ROWS if not named(row[2]) or not named(row[3])] == []
