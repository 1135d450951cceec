"""`blueprint project answer | request-map`: a department's answer, to the whole and to each finding; what it looks at."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, Thing, require
from blueprint.sentences.validation import sentence_of_validation
from coordination import handling, opinion_requests
from coordination.models import OpinionKind, Source
from coordination.opinion_router import opinion_given
from coordination.opinion_schemas import OpinionIn
from coordination.opinions import FindingKind
from coordination.request_map import request_map
from service.commands.context import local_operator, say
from service.commands.project_app import KIND_WORDS, RequestId, app, opened


@app.command("answer")
def answer(
    request_id: RequestId,
    kind: Annotated[
        OpinionKind | None,
        typer.Argument(
            help="agree 同意 | agree_with_conditions 有条件同意 | disagree 不同意 | no_objection 无意见；--file 中已有时可省 unless --file says it"
        ),
    ] = None,
    conditions: Annotated[
        str | None, typer.Option(help="条件，一行一条 conditions, one a line, with agree_with_conditions")
    ] = None,
    finding: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER=KIND[:WORDS]",
            help="对单项的意见，可多次 of one finding, repeatable: 1=not_needed:已有批复",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="理由 reason, with disagree")] = None,
    basis: Annotated[str | None, typer.Option(help="法律依据 legal basis, with disagree")] = None,
    would_agree_if: Annotated[
        str | None, typer.Option(help="修改后可同意的情形 what would make it agreeable, with disagree")
    ] = None,
    markup: Annotated[
        Path | None, typer.Option(help="图示 GeoJSON geometry of what is objected to, with disagree")
    ] = None,
    remark: Annotated[str | None, typer.Option(help="备注 remark")] = None,
    source: Annotated[Source | None, typer.Option(help="system | letter 来函 | telephone 电话")] = None,
    evidence: Annotated[
        str | None, typer.Option(help="文号、通话记录 evidence of an answer by letter or telephone")
    ] = None,
    amends: Annotated[
        int | None, typer.Option(min=1, help="修改第几次意见 number of the opinion that this one amends")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="意见 JSON，同 PUT …/opinion，可含每条条件的图斑与位置 the opinion as over HTTP, with the finding and the place of"
            " each condition; the options take the place of what it says"
        ),
    ] = None,
) -> None:
    """代部门录入意见 · record or amend a department's answer, to the whole and to each finding, while its limit runs."""
    actor = local_operator()
    options = {
        "kind": kind.value if kind is not None else None,
        "conditions": conditions,
        "answers": [_of_finding(text) for text in finding] if finding else None,
        "reason": reason,
        "basis": basis,
        "would_agree_if": would_agree_if,
        "markup": _geometry(markup) if markup is not None else None,
        "remark": remark,
        "source": source.value if source is not None else None,
        "evidence": evidence,
        "amends": amends,
    }
    given = (read_object(file) if file is not None else {}) | {
        name: value for name, value in options.items() if value is not None
    }
    with opened() as (edge, session):
        request = opinion_requests.find_request(session, request_id, actor=actor)
        require(actor, Act.GIVE_OPINION, Thing(department=request.department))
        opinion = opinion_given(checked_opinion(given), edge.city)
        handling.answer(
            session,
            request_id,
            opinion,
            city=edge.city,
            actor=actor,
            calendar=edge.calendar,
            now=edge.now(),
        )
    say(f"{request.department}: {KIND_WORDS[opinion.kind]}")


def _of_finding(text: str) -> dict[str, Any]:
    number, _, said = text.partition("=")
    kind, _, words = said.replace("：", ":", 1).partition(":")
    if not number.strip().isdecimal() or kind.strip() not in list(FindingKind):
        raise InvalidInputError(
            "--finding {text!r} must read NUMBER=KIND[:WORDS]; KIND is one of {kinds}",
            text=text,
            kinds=FindingKind,
        )
    return {"finding": int(number), "kind": kind.strip(), "text": words.strip() or None}


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError("{path} is no JSON: {error}", path=path, error=error) from error
    if not isinstance(document, dict):
        raise InvalidInputError("{path} holds no JSON object", path=path)
    return document


def _geometry(path: Path) -> dict[str, Any]:
    """A GeoJSON geometry, by itself or of a feature."""
    document = read_object(path)
    geometry = document.get("geometry", document)
    if not isinstance(geometry, dict):
        raise InvalidInputError("{path} holds no GeoJSON geometry", path=path)
    return geometry


def checked_opinion(given: dict[str, Any]) -> OpinionIn:
    """An opinion as it comes over HTTP; InvalidInputError names the part that is wrong."""
    try:
        return OpinionIn.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(
            "the opinion is wrong: {where}: {msg}",
            where=where,
            msg=sentence_of_validation(first),
            place=where,
        ) from error


@app.command("request-map")
def write_map(
    request_id: RequestId,
    file: Annotated[Path, typer.Argument(help="写入的 GeoJSON 文件 the GeoJSON file to write")],
) -> None:
    """部门的地图 · the site and the findings of a request as GeoJSON, as its department sees them."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        request = opinion_requests.find_request(session, request_id, actor=actor)
        drawn = request_map(session, request, city=edge.city, actor=actor)
    file.write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
    typer.echo(str(file))
