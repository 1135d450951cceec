"""Which sentences the code says, and which of them have no Chinese yet: `make sentences`."""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from blueprint.sentences.catalogue import CATALOGUE
from blueprint.sentences.validation import KINDS, TEMPLATES

ROOT = Path(__file__).parents[2]
PACKAGES = ("blueprint", "coordination", "approval", "tiles", "service")
CALLS = {"Sentence": 0, "Word": 0, "fault": 0, "wrong": 0, "_wrong": 1, "family": 0}
"""What takes a sentence besides the families of errors, and as which of its arguments."""
OPTIONS = frozenset({"actor", "act", "drawn", "place", "retry_after", "rows", "thing"})
"""What errors take by name beside the values of their sentence."""
SPOKEN = frozenset(
    {
        ("blueprint/jobs/models.py", "JobState"),
        ("blueprint/layers/crs_doctor.py", "Confidence"),
        ("blueprint/layers/models.py", "GeometryKind"),
        ("blueprint/layers/models.py", "VersionState"),
        ("blueprint/permissions.py", "Act"),
        ("blueprint/sharing/models.py", "GrantState"),
        ("approval/exchange/fields.py", "Kind"),
        ("coordination/handling_models.py", "HandlingState"),
        ("coordination/handling_models.py", "HandlingStep"),
        ("coordination/limits.py", "OpinionStatus"),
        ("coordination/meeting_models.py", "MeetingState"),
        ("coordination/opinions.py", "FindingKind"),
        ("coordination/project_states.py", "ProjectStatus"),
        ("coordination/project_states.py", "Step"),
        ("approval/matter_models.py", "MatterState"),
    }
)
"""The states, steps and rights that `spoken` puts into sentences."""
_HEADER = r"""# 本系统各句话的中文。`make sentences` 按代码更新本文件，并列出尚无中文的句子。
# The Chinese of our sentences. `make sentences` brings the file up to the code and lists what has no Chinese yet.
msgid ""
msgstr ""
"Language: zh_CN\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
PLURAL = "expected_plural"
"""The one value that Chinese has no use for."""


@dataclass
class Gathered:
    """The sentences of the code, and what is wrong with the way in which some are said, with file and line."""

    templates: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def names_of(template: str) -> set[str]:
    """The names of the values that a template says."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def gather(root: Path = ROOT) -> Gathered:
    """Every sentence that the packages say."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    calls = CALLS | dict.fromkeys(_families(trees), 0)
    gathered = Gathered(templates=set(TEMPLATES.values()) | KINDS)
    for path, tree in trees.items():
        here = path.relative_to(root).as_posix()
        for call, said in _calls(tree, calls):
            _take(gathered, f"{here}:{call.lineno}", call, said)
        gathered.faults += [f"{here}:{line}: a validator says a Sentence" for line in _bare_refusals(tree)]
        gathered.faults += [f"{here}:{line}: a line in English alone; say a Sentence" for line in _bare(tree)]
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and (here, node.name) in SPOKEN:
                gathered.templates |= set(_members(node))
    return gathered


def _families(trees: Mapping[Path, ast.Module]) -> set[str]:
    """The names of the errors of ours: `BlueprintError` and what is derived from it."""
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = {"BlueprintError"}
    while more := {
        node.name
        for node in classes
        if node.name not in known
        and any(isinstance(base, ast.Name) and base.id in known for base in node.bases)
    }:
        known |= more
    return known


def _calls(tree: ast.Module, calls: Mapping[str, int]) -> Iterator[tuple[ast.Call, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            at = calls.get(name)
            if at is not None and len(node.args) > at:
                yield node, node.args[at]


def _bare_refusals(tree: ast.Module) -> Iterator[int]:
    """Lines where a module with validators of Pydantic raises `ValueError` with words: they reach people."""
    imported = {name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}
    if not imported & _VALIDATORS:
        return
    for call, said in _calls(tree, {"ValueError": 0}):
        if isinstance(said, ast.Constant | ast.JoinedStr | ast.BinOp):
            yield call.lineno


_LINES = {"say": 0, "echo": 0, "add_task": 0, "status": 0, "counting": 1}
"""What shows a line of a command, and as which of its arguments."""


def _bare(tree: ast.Module) -> Iterator[int]:
    """Lines where a command shows English without its Chinese."""
    for call, said in _calls(tree, _LINES):
        for choice in _choices(said):
            text = " ".join(_written(choice))
            if _LATIN.search(text) and not _CHINESE.search(text):
                yield call.lineno


def _choices(said: ast.expr) -> list[ast.expr]:
    """The texts of which one is shown."""
    if isinstance(said, ast.IfExp):
        return [*_choices(said.body), *_choices(said.orelse)]
    return [said]


def _written(said: ast.expr) -> Iterator[str]:
    """What is written in a text itself, not what its values are made by."""
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield said.value
    elif not isinstance(said, ast.Call | ast.Subscript):
        for part in ast.iter_child_nodes(said):
            if isinstance(part, ast.expr):
                yield from _written(part)


_LATIN = re.compile(r"\b(?!blueprint\b)[A-Za-z]{3,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_VALIDATORS = {"AfterValidator", "BeforeValidator", "field_validator", "model_validator"}


def _members(kind: ast.ClassDef) -> Iterator[str]:
    for node in kind.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            yield str(node.value.value).replace("_", " ")


def _take(gathered: Gathered, place: str, call: ast.Call, said: ast.expr) -> None:
    if isinstance(said, ast.IfExp):
        gathered.faults.append(f"{place}: one of two templates; say each in a sentence of its own")
    for keyword in call.keywords:
        if keyword.arg not in OPTIONS and _is_words(keyword.value):
            gathered.faults.append(f"{place}: {keyword.arg} is words of English; make them a Sentence")
    if isinstance(said, ast.JoinedStr):
        gathered.faults.append(f"{place}: values are formatted in; give them by name")
    if isinstance(said, ast.BinOp):
        gathered.faults.append(f"{place}: words are put together; write one template")
    if not isinstance(said, ast.Constant) or not isinstance(said.value, str):
        return
    gathered.templates.add(said.value)
    given = {keyword.arg for keyword in call.keywords if keyword.arg is not None} - OPTIONS
    if given and any(keyword.arg is None for keyword in call.keywords):
        return
    named = names_of(said.value) if given else set()
    if given != named:
        gathered.faults.append(f"{place}: says {sorted(named)} and is given {sorted(given)}")


def _is_words(value: ast.expr) -> bool:
    """Say whether a value is English put together, or said, where it is given: nobody could say it in Chinese."""
    match value:
        case ast.IfExp():
            return _is_words(value.body) or _is_words(value.orelse)
        case ast.BoolOp():
            return any(_is_words(each) for each in value.values)
        case ast.BinOp(op=ast.Add()):
            return _is_words(value.left) or _is_words(value.right)
        case ast.JoinedStr():
            return any(_is_words(each) for each in value.values)
        case ast.Constant(value=str(text)):
            return _WORDS.search(text) is not None
        case _:
            return False


_WORDS = re.compile(r"[A-Za-z]{2,} +[A-Za-z]{2,}|(^|[ (])[a-z]{2,} $")
"""English of more than one word, or a word before a value."""


def read_catalogue() -> Catalog:
    """The catalogue as it is kept."""
    with CATALOGUE.open("rb") as opened:
        return read_po(opened, locale="zh_CN")


def faults_of(catalogue: Catalog, templates: set[str]) -> list[str]:
    """What the catalogue lacks or says wrongly, one line each."""
    said = {str(message.id): str(message.string) for message in catalogue if message.id}
    found = [f"no Chinese: {template}" for template in sorted(templates) if not said.get(template)]
    found += [f"nobody says: {template}" for template in sorted(said.keys() - templates)]
    for template in sorted(templates & said.keys()):
        chinese = said[template]
        # A text without values is never filled in, so braces in it are braces.
        if chinese and "{" in template and names_of(template) - {PLURAL} != names_of(chinese):
            found.append(f"other values in the Chinese: {template}")
    return found


def renewed(old: Catalog, templates: set[str]) -> Catalog:
    """The catalogue of these sentences, with the Chinese that it had."""
    new = Catalog(locale="zh_CN")
    for template in sorted(templates):
        known = old.get(template)
        new.add(template, known.string if known is not None else "")
    return new


def written(catalogue: Catalog) -> bytes:
    """A catalogue as a file: in the order of its sentences, so that two people's new ones seldom meet."""
    body = BytesIO()
    write_po(body, catalogue, width=0, omit_header=True, sort_output=True)
    return _HEADER.encode() + body.getvalue()


def update() -> list[str]:
    """Bring the file up to what the code says, and name what is still to be done by hand."""
    gathered = gather()
    new = renewed(read_catalogue(), gathered.templates)
    CATALOGUE.write_bytes(written(new))
    return gathered.faults + faults_of(new, gathered.templates)
