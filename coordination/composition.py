"""What is handed over of a cleared project (策划生成信息): the message to approval, put together."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any
from uuid import UUID, uuid4

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.layers.models import Control, Layer
from blueprint.permissions import Sensitivity
from coordination.contests import set_aside
from coordination.handover import (
    MAX_FINDINGS,
    CorrectionMessage,
    HandedAnswer,
    HandedCheck,
    HandedCondition,
    HandedConflict,
    HandedFinding,
    HandedFootprint,
    HandedNotChecked,
    HandedOpinion,
    HandedProject,
    HandedSetAside,
    HandoverMessage,
    read_any_message,
    read_message,
)
from coordination.handover_models import Clearance, Handover, MessageKind
from coordination.marks import shown
from coordination.models import (
    MAX_TEXT,
    Check,
    FootprintRevision,
    OpinionKind,
    OpinionRequest,
    Project,
)
from coordination.opinions import FindingKind
from coordination.responsibility import concern_of, concerns_by_department, department_of
from coordination.rounds import judged
from coordination.rules import Outcome, Severity, verdict_of

MAX_ABOUT = 400
_RESTRICTED = "受限图层 restricted layer"
_NOT_CHECKED = (Outcome.NO_DATA, Outcome.EXPIRED, Outcome.OUTSIDE_COVERAGE)


def compose_message(
    session: Session,
    clearance: Clearance,
    project: Project,
    revision: FootprintRevision,
    check: Check,
    requests: Sequence[OpinionRequest],
    *,
    city: City,
    follows: Handover | None = None,
) -> HandoverMessage:
    """The message about a clearance: the project, its footprint, what was found, what each department said.

    It `follows` the withdrawal of the project's clearance before, if there was one.
    """
    restricted = restricted_layers(session)
    return HandoverMessage(
        message_id=uuid4(),
        city_code=city.administrative_code,
        city_name=city.name,
        project=handed_project(project),
        footprint=HandedFootprint(
            revision=revision.number,
            crs=city.working_crs,
            area_m2=check.report["footprint"]["area_m2"],
            coordinates=shapely.geometry.mapping(to_shape(revision.footprint))["coordinates"],
        ),
        check=_handed_check(check, requests, restricted, city),
        opinions=tuple(handed_opinion(request, restricted, city) for request in requests),
        cleared_on=clearance.cleared_on,
        cleared_by=clearance.cleared_by,
        follows=UUID(follows.message_id) if follows is not None else None,
    )


def handed_project(project: Project) -> HandedProject:
    """What is registered of a project, as approval is told."""
    return HandedProject(
        planning_number=project.planning_number,
        name=project.name,
        applicant=project.applicant,
        purpose=project.purpose,
        applicant_code=project.applicant_code,
        project_type=project.project_type,
        industry=project.industry,
        investment_10k_cny=_number(project.investment_10k_cny),
        planned_use=project.planned_use,
        district=project.district,
        funds_source=project.funds_source,
        planned_start_on=project.planned_start_on,
    )


def handed_over(clearance: Clearance) -> HandoverMessage:
    """What was handed over of a clearance, as it reads with the corrections since."""
    message = read_message(clearance.handover.body.encode())
    for sent in clearance.messages:
        if sent.kind == MessageKind.CORRECTION:
            correction = read_any_message(sent.body.encode())
            assert isinstance(correction, CorrectionMessage)
            message = message.model_copy(update={"project": correction.project})
    return message


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def department_names(departments: Iterable[str], city: City) -> tuple[str, ...]:
    """Departments by name, in the order given."""
    names = {department.code: department.name for department in city.departments}
    return tuple(names.get(code, code) for code in departments)


def restricted_layers(session: Session) -> Set[str]:
    """The codes of the layers of which only the owner may be told."""
    return set(session.scalars(select(Layer.code).where(Layer.sensitivity == Sensitivity.RESTRICTED)))


def _handed_check(
    check: Check, requests: Sequence[OpinionRequest], restricted: Set[str], city: City
) -> HandedCheck:
    """The check as every reader of the case may know it: of restricted layers, only whose they are (Art. 17, 18)."""
    names = set(HandedConflict.model_fields) - {"layer"}
    met = [layer for layer in check.report["layers"] if layer["outcome"] == "conflict"]
    open_conflicts = [
        HandedConflict(layer=layer["code"], **{name: layer[name] for name in names})
        for layer in met
        if layer["code"] not in restricted
    ]
    owners = sorted({layer["department"] for layer in met if layer["code"] in restricted})
    aside = {request.department: set_aside(request) for request in requests}
    findings = _findings(check, requests, restricted, city)
    return HandedCheck(
        digest=check.digest,
        on=check.on_day,
        verdict=verdict_of([*_severities(check, aside, restricted), *[Severity.ADVISE] * bool(owners)]),
        conflicts=(*open_conflicts, *(_restricted_conflict(owner) for owner in owners)),
        set_aside=tuple(
            HandedSetAside(
                department=department,
                department_name=department_names([department], city)[0],
                layer="" if finding["layer"] in restricted else finding["layer"],
                title=_RESTRICTED if finding["layer"] in restricted else finding["title"],
                feature="" if finding["layer"] in restricted else finding["feature"][:200],
                severity=finding["severity"],
                reason=contest.reason,
                decision=contest.decision or "",
                decided_by=contest.decided_by or "",
            )
            for department, found in sorted(aside.items())
            for finding, contest in found
        ),
        findings=findings[:MAX_FINDINGS],
        findings_left_out=len(findings) - MAX_FINDINGS if len(findings) > MAX_FINDINGS else None,
        not_checked=tuple(
            HandedNotChecked(
                layer=layer["code"],
                title=layer["title"],
                department=layer["department"],
                control=layer["control"],
                outcome=layer["outcome"],
            )
            for layer in check.report["layers"]
            if layer["outcome"] in _NOT_CHECKED and layer["code"] not in restricted
        ),
    )


def _findings(
    check: Check, requests: Sequence[OpinionRequest], restricted: Set[str], city: City
) -> tuple[HandedFinding, ...]:
    """The conflicts one by one, as the report has them, each with what its department said of it alone."""
    layers = {layer["code"]: layer for layer in check.report["layers"]}
    told = {request.department: [judged(finding) for finding in request.findings] for request in requests}
    said = {
        request.department: {answer["finding"]: answer["kind"] for answer in request.opinion.answers}
        for request in requests
        if request.opinion is not None
    }
    found: list[HandedFinding] = []
    for finding in check.report["findings"]:
        if finding["sliver"] or finding["layer"] in restricted:
            continue
        layer = layers[finding["layer"]]
        department, concern = department_of(finding, layer), concern_of(finding, layer)
        known, as_told = told.get(department, []), judged(concern.to_json())
        place = known.index(as_told) + 1 if as_told in known else None
        found.append(
            HandedFinding(
                number=len(found) + 1,  # a gap would tell that a restricted layer is met
                department=department,
                department_name=department_names([department], city)[0],
                layer=concern.layer,
                title=concern.title,
                feature=concern.feature[:200],
                severity=concern.severity,
                overlap_m2=concern.overlap_m2,
                length_m=concern.length_m,
                point_count=concern.point_count,
                basis=concern.basis[:MAX_TEXT] if concern.basis is not None else None,
                said=said.get(department, {}).get(place),
            )
        )
    return tuple(found)


def _severities(
    check: Check, aside: dict[str, list[tuple[dict[str, Any], Any]]], restricted: Set[str]
) -> list[Severity]:
    """What was found and was not set aside by its owner; what only informs counts as that."""
    counted = [Severity.INFORM for f in check.report["findings"] if f["layer"] not in restricted]
    for department, concerns in concerns_by_department(check.report).items():
        gone = [judged(finding) for finding, _ in aside.get(department, [])]
        counted += [
            Severity(concern.severity)
            for concern in concerns
            if concern.layer not in restricted and judged(concern.to_json()) not in gone
        ]
    return counted


def _restricted_conflict(department: str) -> HandedConflict:
    return HandedConflict(
        layer="",
        title=_RESTRICTED,
        department=department,
        control=Control.ADVISE,
        feature_count=0,
        overlap_m2=0,
        length_m=0,
        point_count=0,
    )


def handed_opinion(request: OpinionRequest, restricted: Set[str], city: City) -> HandedOpinion:
    """What a department said, as every reader of the case may know it; `restricted` are the codes of such layers."""
    opinion = request.opinion
    if opinion is None:
        raise ConflictError("the opinion of {department} is awaited", department=request.department)
    if opinion.settled_words is not None:
        return HandedOpinion(
            department=request.department,
            department_name=department_names([request.department], city)[0],
            kind=OpinionKind.AGREE_WITH_CONDITIONS,
            conditions=opinion.settled_words,
            remark=f"原意见不同意，经协调会议定 it disagreed, a meeting settled it: {opinion.reason}"[
                :MAX_TEXT
            ],
            given_on=opinion.given_on,
            condition_list=_numbered(
                [HandedCondition(number=1, text=opinion.settled_words)], _of_findings(request, restricted)
            ),
            answers=_answers(request, restricted),
        )
    return HandedOpinion(
        department=request.department,
        department_name=department_names([request.department], city)[0],
        kind=opinion.kind,
        conditions=opinion.conditions,
        remark=opinion.remark,
        given_on=opinion.given_on,
        condition_list=_numbered(
            [
                HandedCondition(
                    number=condition.number,
                    text=condition.text,
                    about=about_finding(request, condition.finding, restricted),
                    place=shown(condition.place, city),
                )
                for condition in opinion.condition_list
            ],
            _of_findings(request, restricted),
        ),
        answers=_answers(request, restricted),
    )


def _numbered(
    conditions: Sequence[HandedCondition], of_findings: Mapping[str, str]
) -> tuple[HandedCondition, ...]:
    """The conditions of the whole, then those of single findings that do not stand among them already."""
    said = {condition.text for condition in conditions}
    whole = [
        each.model_copy(update={"about": each.about or of_findings.get(each.text)}) for each in conditions
    ]
    more = [(text, about) for text, about in of_findings.items() if text not in said]
    first = len(conditions) + 1
    return (
        *whole,
        *(HandedCondition(number=n, text=text, about=about) for n, (text, about) in enumerate(more, first)),
    )


def _of_findings(request: OpinionRequest, restricted: Set[str]) -> dict[str, str]:
    """The conditions said of single findings, each once, with the findings that they are about."""
    found: dict[str, list[str]] = {}
    for number, kind, text in _said(request):
        if kind == FindingKind.AGREE_WITH_CONDITIONS:
            about = about_finding(request, number, restricted) or ""
            found[text] = [*found.get(text, ()), about]
    return {text: "；".join(dict.fromkeys(about))[:MAX_ABOUT] for text, about in found.items()}


def _answers(request: OpinionRequest, restricted: Set[str]) -> tuple[HandedAnswer, ...]:
    """What else is said of single findings, in words, the same words of more findings once."""
    found: dict[tuple[str, str], list[str]] = {}
    for number, kind, text in _said(request):
        if kind != FindingKind.AGREE_WITH_CONDITIONS:
            about = about_finding(request, number, restricted) or ""
            found[kind, text] = [*found.get((kind, text), ()), about]
    return tuple(
        HandedAnswer(about="；".join(dict.fromkeys(about))[:MAX_ABOUT], kind=kind, text=text)
        for (kind, text), about in found.items()
    )


def _said(request: OpinionRequest) -> list[tuple[int, str, str]]:
    """The answers to single findings that have words: number of the finding, kind, text."""
    answers = request.opinion.answers if request.opinion is not None else []
    return [(a["finding"], a["kind"], a["text"]) for a in answers if a.get("text")]


def about_finding(request: OpinionRequest, number: int | None, restricted: Set[str]) -> str | None:
    """The finding that a condition is of, in words for every reader; of a restricted layer only that it is one."""
    if number is None:
        return None
    finding = request.findings[number - 1]
    if finding["layer"] in restricted:
        return _RESTRICTED
    return f"{finding['title']} {finding['feature']}".strip()[:MAX_ABOUT]
