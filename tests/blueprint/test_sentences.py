"""Every sentence of ours in both languages: the catalogue against the code, and how a sentence is said."""

import json
import pickle
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from pydantic import BaseModel, Field, ValidationError

from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.sentences import Sentence, Term, sentence_from
from blueprint.sentences.catalogue import CATALOGUE
from blueprint.sentences.gathering import (
    PACKAGES,
    Gathered,
    faults_of,
    gather,
    read_catalogue,
    renewed,
    written,
)
from blueprint.sentences.validation import sentence_of_validation


@pytest.fixture(scope="module")
def gathered() -> Gathered:
    return gather()


def test_every_sentence_has_its_chinese_with_the_same_values_and_none_is_left_over(gathered: Gathered):
    assert len(gathered.templates) > 1000
    assert gathered.faults + faults_of(read_catalogue(), gathered.templates) == [], "run `make sentences`"


def test_what_a_catalogue_lacks_or_says_wrongly_is_named():
    catalogue = Catalog(locale="zh_CN")
    for english, chinese in (("no {a}", "没有 {b}"), ("old", "旧"), ("empty", ""), ("{n:,} rows", "{n} 行")):
        catalogue.add(english, chinese)

    assert faults_of(catalogue, {"no {a}", "empty", "new", "{n:,} rows"}) == [
        "no Chinese: empty",
        "no Chinese: new",
        "nobody says: old",
        "other values in the Chinese: no {a}",
    ]


def test_a_sentence_that_formats_its_values_in_or_forgets_one_is_found(tmp_path: Path):
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "service" / "new.py").write_text(
        "class OddError(BlueprintError): ...\n"
        "def f(code): raise OddError(f'no layer {code}')\n"
        "def g(code): raise place.fault('no layer {code}', cod=code, place='x')\n"
        "def h(code): raise OddError('no layer {code!r}; ' 'name one', code=code, rows=[])\n"
        "def i(code): raise OddError('no layer ' + code)\n"
        "def j(code): raise OddError('no layer' if code else 'no code')\n"
        "def k(code): raise OddError('no {what}', what=f'layer {code}' if code else 'such layer')\n"
        "from pydantic import AfterValidator\n"
        "def l(code): raise ValueError('no layer')\n"
    )

    gathered = gather(tmp_path)

    assert "no layer {code!r}; name one" in gathered.templates
    assert gathered.faults == [
        "service/new.py:2: values are formatted in; give them by name",
        "service/new.py:3: says ['code'] and is given ['cod']",
        "service/new.py:5: words are put together; write one template",
        "service/new.py:6: one of two templates; say each in a sentence of its own",
        "service/new.py:7: what is words of English; make them a Sentence",
        "service/new.py:9: a validator says a Sentence",
    ]


def test_a_line_of_a_command_in_english_alone_is_found(tmp_path: Path):
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "service" / "new.py").write_text(
        "say(f'wrote {path}')\n"
        "say(Sentence('the file is empty'))\n"
        "say(f'已写入 wrote {path}')\n"
        "typer.echo('已完成 done' if ended else 'not yet')\n"
        "say(f'blueprint: {told.english}')\n"
        "progress.add_task(f'{layer.code} stored', total=None)\n"
    )

    assert gather(tmp_path).faults == [
        f"service/new.py:{line}: a line in English alone; say a Sentence" for line in (1, 4, 6)
    ]


def test_the_catalogue_is_as_make_sentences_writes_it(gathered: Gathered):
    old = read_catalogue()

    assert written(renewed(old, gathered.templates)) == CATALOGUE.read_bytes(), "run `make sentences`"


def test_a_sentence_is_said_in_both_languages_with_its_values():
    error = NotFoundError("no layer {code!r}; `blueprint layer list` shows the codes", code="{红线}")

    assert error.message == str(error) == "no layer '{红线}'; `blueprint layer list` shows the codes"
    assert error.chinese == "没有图层 “{红线}”；用 `blueprint layer list` 查看代码"


def test_lists_and_sentences_within_a_sentence_are_said_in_its_language():
    inner = Sentence("the file is empty")
    several = Sentence("{path}: layer {name}: {error}", path=Path("a.toml"), name=["L", "M"], error=inner)
    nothing = Sentence("{path}: layer {name}: {error}", path="a", name=(n for n in ()), error=[inner, inner])

    assert several.english == "a.toml: layer L, M: the file is empty"
    assert several.chinese == "a.toml：图层 L、M：文件为空"
    assert nothing.english == "a: layer none: the file is empty; the file is empty"
    assert nothing.chinese == "a：图层 无：文件为空；文件为空"


def test_a_term_keeps_its_own_chinese_through_json_and_is_listed_as_a_word():
    terms = [Term("withdrawn", chinese="已撤件"), Term("stop", chinese="特别程序开始")]
    told = Sentence("{path}: layer {name}: {error}", path="a", name=terms, error="x")

    again = sentence_from(json.loads(json.dumps(told.as_json())))

    assert again.english == told.english == "a: layer withdrawn, stop: x"
    assert again.chinese == told.chinese == "a：图层 已撤件、特别程序开始：x"


def test_an_error_of_ours_within_a_sentence_is_said_in_its_language():
    try:
        raise InvalidInputError("the file is empty")
    except InvalidInputError as error:
        told = InvalidInputError(
            "{path}: layer {name}: {error}", path="a", name="L", error=error, place="a:1"
        )

    assert (told.message, told.place) == ("a: layer L: the file is empty", "a:1")
    assert told.chinese == "a：图层 L：文件为空"


def test_what_has_no_chinese_is_said_in_english_and_braces_of_a_text_are_left_alone():
    assert Sentence("nobody {says} this").chinese == "nobody {says} this"


def test_whole_numbers_of_numpy_stay_whole_in_json():
    told = json.loads(json.dumps(Sentence("{number:,} rows", number=np.int64(3000)).as_json()))

    assert str(told["values"]) == "{'number': 3000}"


def test_a_sentence_comes_through_json_and_pickle_as_it_was():
    error = InvalidInputError(
        "the file cannot be read: {error}",
        error=Sentence(
            "feature {feature}{where}: {message}{more}", feature=3, where="", message="x", more=""
        ),
    )

    told = sentence_from(json.loads(json.dumps(error.sentence.as_json())))
    again = pickle.loads(pickle.dumps(error))

    assert (told.english, told.chinese) == (error.message, error.chinese)
    assert (again.message, again.chinese) == (error.message, error.chinese)
    assert error.chinese == "文件无法读取：图斑 3：x"


@pytest.mark.parametrize(
    "told",
    [
        {"english": "plain", "template": "{x:>99999999999}", "values": {"x": "a"}},
        {"english": "plain", "template": "the file is empty", "values": 3},
        {
            "english": "plain",
            "template": "feature {number} has more than {max_vertices:,} vertices; simplify it",
            "values": {"number": "1", "max_vertices": "many"},
        },
        "plain",
    ],
)
def test_what_a_child_tells_that_is_no_sentence_of_ours_is_words_alone(told: dict[str, object] | str):
    assert sentence_from(told).chinese == "plain"


class _Given(BaseModel):
    name: str = Field(max_length=1)
    share: float = Field(gt=0)
    rows: list[int] = Field(min_length=2)
    kind: Literal["a", "b", "c"]
    day: date


def test_what_pydantic_finds_is_said_in_chinese_with_its_bounds():
    with pytest.raises(ValidationError) as raised:
        _Given.model_validate({"name": "ab", "share": 0, "rows": [1], "kind": "d"})

    told = [sentence_of_validation(error) for error in raised.value.errors()]

    assert [sentence.chinese for sentence in told] == [
        "文本最多 1 个字符",
        "应大于 0",
        "列表至少应有 2 项，现有 1 项",
        "应为 'a'、'b' 或 'c'",
        "缺少必填字段",
    ]
    assert [sentence.english for sentence in told] == [error["msg"] for error in raised.value.errors()]
