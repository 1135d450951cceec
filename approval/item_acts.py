"""What each step with an item asks and changes besides its state (Art. 3, 10, 14): `ACTS`, step by step.

An act raises what is in the way before it changes anything, and gives what the record of the step keeps.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from approval.item_models import ItemResult, Material, Promise
from approval.item_states import Step
from approval.item_steps import Work
from approval.joint_consultation import awaited, disagreeing
from approval.materials import ORIGIN_WORDS, library, open_promises, refuse_known
from approval.models import CaseStage
from approval.obligations import open_obligations
from approval.process_table import Obtained
from approval.requirements import acceptance_obstacles, needs, still_lacking
from approval.stages import Stage, stage_term
from blueprint.errors import ConflictError
from blueprint.sentences import Sentence

Detail = dict[str, object]


def _submit(work: Work) -> Detail:
    stage = _stage(work)
    if work.case.project_code is None:
        raise ConflictError(
            "bind the investment project code first: a case is prepared without it, and nothing of it taken in (Art. 12)"
        )
    if stage is not None and stage.accepted_on is None:
        raise ConflictError("accept the stage {stage} before its items", stage=stage_term(Stage(stage.stage)))
    if stage is None and work.case.stages[0].accepted_on is None:
        raise ConflictError("accept the first stage before items that run beside the stages")
    if work.given.on_commitment and not work.rule.on_commitment:
        raise work.wrong(
            "{rule_title} is not approved on commitment (告知承诺)",
            "on_commitment",
            rule_title=work.rule.title,
        )
    work.item.on_commitment = work.given.on_commitment
    work.item.submitted_on = work.today
    return {"on_commitment": True} if work.given.on_commitment else {}


def _stage(work: Work) -> CaseStage | None:
    return next((row for row in work.case.stages if row.stage == work.item.stage), None)


def _accept(work: Work) -> Detail:
    stated = {promised.material for promised in work.given.promised}
    dossier = work.dossier
    needed = {code for need in needs(dossier, work.item, work.today) for code in need.codes}
    latest = work.calendar.due_date(work.today, working_days=work.table.clock.promise_days).on
    for promised in work.given.promised:
        if promised.material not in needed:
            raise work.wrong(
                "{material!r} is none of the item's materials", "promised", material=promised.material
            )
        rule = work.table.material(promised.material)
        if rule.obtained_from is not Obtained.APPLICANT:
            raise work.wrong(
                "{rule_title} ({rule_code}) comes {origin_words}: the applicant cannot promise it",
                "promised",
                rule_title=rule.title,
                rule_code=rule.code,
                origin_words=ORIGIN_WORDS[rule.obtained_from],
            )
        if not work.today <= promised.due_on <= latest:
            raise work.wrong(
                "{rule_title} is promised until a day from today to {latest}: {promise_days} working days",
                "promised",
                rule_title=rule.title,
                latest=latest,
                promise_days=work.table.clock.promise_days,
            )
        refuse_known(dossier.library, promised.material, work.today)
    if len(stated) < len(work.given.promised):
        raise work.wrong("a material is promised once", "promised")
    made = [Promise(item_id=work.item.id, material=p.material, due_on=p.due_on) for p in work.given.promised]
    dossier = replace(dossier, promises=[*dossier.promises, *made])
    obstacles = acceptance_obstacles(dossier, work.item, work.today)
    if obstacles:
        raise ConflictError("{obstacles}", obstacles=obstacles)
    work.session.add_all(made)
    work.item.accepted_on = work.today
    return {
        "promised": [{"material": p.material, "due_on": p.due_on.isoformat()} for p in work.given.promised]
    }


def _ask_correction(work: Work) -> Detail:
    """Art. 14 and 行政许可法 32(四): everything that is lacking, said at once, and only once."""
    if work.item.correction_asked_on is not None:
        raise ConflictError(
            "what is lacking was said on {correction_asked_on} already, once and for all (一次性告知); accept"
            " the item, or refuse to",
            correction_asked_on=work.item.correction_asked_on,
        )
    if not work.given.lacking:
        raise work.wrong("lists everything that is lacking", "lacking")
    dossier, listed = work.dossier, list[dict[str, object]]()
    needed = {code for need in needs(dossier, work.item, work.today) for code in need.codes}
    for lack in work.given.lacking:
        rule = work.table.material(lack.material)
        if rule.obtained_from is not Obtained.APPLICANT:
            raise ConflictError(
                "{rule_title} ({rule_code}) is obtained by the system and not asked of the applicant (Art."
                " 14)",
                rule_title=rule.title,
                rule_code=rule.code,
            )
        if rule.code not in needed:
            raise work.wrong(
                "{rule_title} ({rule_code}) is none of the item's materials",
                "lacking",
                rule_title=rule.title,
                rule_code=rule.code,
            )
        if any(each["material"] == rule.code for each in listed):
            raise work.wrong(
                "{rule_title} ({rule_code}) is listed twice: say all of it at once",
                "lacking",
                rule_title=rule.title,
                rule_code=rule.code,
            )
        if not (lack.defect or "").strip():
            refuse_known(dossier.library, lack.material, work.today)
        there = dossier.library.get(rule.code)
        listed.append(
            {
                "material": rule.code,
                "title": rule.title,
                "what": lack.what,
                "defect": lack.defect,
                "version": there.version if there is not None else 0,
            }
        )
    work.item.correction_asked_on = work.today
    return {"lacking": listed}


def _correct(work: Work) -> Detail:
    asked = next(step for step in reversed(work.item.steps) if step.step == Step.ASK_CORRECTION)
    missing = [str(lack["title"]) for lack in still_lacking(asked, work.dossier.library)]
    if missing:
        raise ConflictError("still lacking: {missing}; hand them in first", missing=missing)
    return {}


def _stop(work: Work) -> Detail:
    if work.given.stop_kind is None:
        raise work.wrong("says which special procedure: {stops}", "stop_kind", stops=work.table.stops)
    stop = work.table.stop(work.given.stop_kind)
    days = work.given.working_days
    if days is None or not 1 <= days <= stop.most_days:
        raise work.wrong(
            "{stop_title} takes 1 to {most_days} working days, and the applicant is told how many",
            "working_days",
            stop_title=stop.title,
            most_days=stop.most_days,
        )
    _refuse_late(work, Sentence("no clock is stopped after it"))
    used = sum(span.working_days or 0 for span in work.item.spans if span.stop_kind == stop.code)
    if used + days > stop.most_days:
        raise ConflictError(
            "{stop_title} took {used} working days of this item already, and takes {most_days} at most in"
            " all: {left} are left",
            stop_title=stop.title,
            used=used,
            most_days=stop.most_days,
            left=max(0, stop.most_days - used),
        )
    return {"stop_kind": stop.code, "title": stop.title, "working_days": days}


def _refuse_late(work: Work, what: Sentence) -> None:
    """A limit that ran out stays so; none runs out on a provisional date."""
    due_on = work.item.due_on
    if due_on is not None and not work.item.provisional and work.today > due_on:
        raise ConflictError(
            "the limit of {item_title} ran out on {due_on}: {what} (行政许可法 42, 45)",
            item_title=work.item.title,
            due_on=due_on,
            what=what,
        )


def _extend(work: Work) -> Detail:
    """行政许可法 42: once, by the head of the authority, at most ten working days."""
    most, days = work.table.clock.extension_days, work.given.working_days
    if work.item.extended_days:
        raise ConflictError(
            "the limit was extended by {extended_days} days already; it is extended once",
            extended_days=work.item.extended_days,
        )
    if work.item.limit_days is None:
        raise ConflictError("{item_title} has no limit that could be extended", item_title=work.item.title)
    if days is None or not 1 <= days <= most:
        raise work.wrong("extends by 1 to {most} working days", "working_days", most=most)
    _refuse_late(work, Sentence("only a limit that still runs is extended"))
    work.item.extended_days = days
    return {"working_days": days}


def _approve(work: Work) -> Detail:
    still_open = open_obligations(work.session, work.case.id, work.item.code)
    if still_open:
        raise ConflictError("close these obligations first (建设条件): {still_open}", still_open=still_open)
    still_asked = awaited(work.session, work.item, today=work.today)
    if still_asked:
        raise ConflictError(
            "wait for the answers of {still_asked} (统一征询, Art. 13)", still_asked=still_asked
        )
    against = disagreeing(work.session, work.item)
    if against and not (work.given.reason or "").strip():
        raise work.wrong(
            "{against} disagreed 不同意: say in writing how that was dealt with", "reason", against=against
        )
    overdue = [
        f"{promise.material} ({promise.due_on})"
        for promise in open_promises(work.session, work.case.id, item=work.item)
        if promise.due_on < work.today
    ]
    if overdue:
        raise ConflictError(
            "promised and not handed in by its day: {overdue}; take it in first, or refuse", overdue=overdue
        )
    rule = work.table.material(work.rule.result)
    detail = _sign(work, rule.code, rule.title)
    if work.item.on_commitment:
        due = work.calendar.due_date(work.today, working_days=work.table.clock.commitment_check_days)
        work.item.verify_due_on, work.item.verify_provisional = due.on, due.provisional
    return detail


def _refuse(work: Work) -> Detail:
    """行政许可法 38: a refusal is a written decision of its own, signed and numbered as a result is."""
    if work.given.result is not None and work.given.result.valid_until is not None:
        raise work.wrong("a refusal has no day until which it is good", "result.valid_until")
    # A code of the item's own, for two items may be refused at once; no item needs one.
    return _sign(work, f"NO-{work.item.code}"[:20], f"不予许可决定书：{work.item.title}"[:200])


def _sign(work: Work, code: str, title: str) -> Detail:
    """Keep the decision as it was signed; its file is uploaded after, and lies in the library under `code`."""
    given = work.given.result
    if given is None or not (given.number.strip() and given.title.strip() and given.signed_by.strip()):
        raise work.wrong("needs its decision: number, title and who signed it", "result")
    if given.valid_until is not None and given.valid_until < work.today:
        raise work.wrong("the result would have expired already", "result.valid_until")
    known = library(work.session, work.case.id, code)
    material = Material(
        case_id=work.case.id,
        code=code,
        version=known[code].version + 1 if code in known else 1,
        title=title,
        origin=Obtained.RESULT,
        item_id=work.item.id,
        given_on=work.today,
        given_by=work.actor.name,
        valid_until=given.valid_until,
    )
    work.session.add(material)
    work.session.flush()
    work.item.result = ItemResult(
        number=given.number.strip(),
        title=given.title.strip(),
        signed_by=given.signed_by.strip(),
        signed_on=work.today,
        valid_until=given.valid_until,
        material_id=material.id,
    )
    try:
        with work.session.begin_nested():
            work.session.flush()
    except IntegrityError as error:
        raise ConflictError(
            "the number {number!r} was given to another result already; a number is given once",
            number=given.number.strip()[:40],
        ) from error
    return {"number": given.number.strip(), "signed_by": given.signed_by.strip()}


def _verify(work: Work) -> Detail:
    if work.item.verify_due_on is None:
        raise ConflictError(
            "{item_title} was not approved on commitment: there is nothing to check",
            item_title=work.item.title,
        )
    if work.item.verified_on is not None:
        raise ConflictError(
            "the commitment was checked on {verified_on} already", verified_on=work.item.verified_on
        )
    work.item.verified_on = work.today
    return {}


def _revoke(work: Work) -> Detail:
    """What was revoked is no material any more: items that rest on it find it expired."""
    if work.item.result is not None:
        work.item.result.material.valid_until = work.today - timedelta(days=1)
    return {}


def _drop(work: Work) -> Detail:
    if work.rule.always:
        raise ConflictError(
            "every {project_type} project needs {rule_title}",
            project_type=work.case.project_type,
            rule_title=work.rule.title,
        )
    return {}


ACTS: dict[Step, Callable[[Work], Detail]] = {
    Step.SUBMIT: _submit,
    Step.ACCEPT: _accept,
    Step.ASK_CORRECTION: _ask_correction,
    Step.CORRECT: _correct,
    Step.STOP: _stop,
    Step.EXTEND: _extend,
    Step.APPROVE: _approve,
    Step.REFUSE: _refuse,
    Step.VERIFY: _verify,
    Step.REVOKE: _revoke,
    Step.DROP: _drop,
}
"""Steps that are not in it change the state alone."""
