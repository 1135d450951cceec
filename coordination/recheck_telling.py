"""What is told of rechecks: the history of the project, its coordinator, and the department of a layer whose term has ended."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from blueprint.layers.models import Layer, PublicationEvent
from blueprint.layers.succession import Succession
from blueprint.permissions import Actor
from coordination.check_difference import Change
from coordination.history import note
from coordination.models import Project
from coordination.notice_models import NoticeKind, Office
from coordination.notices import tell, tell_department
from coordination.update_models import Recheck

_WHEN = {False: ("图层更新后", "after an update"), True: ("图层到期后", "after a layer's term ended")}
"""When a recheck was made, by whether a term had ended."""


def tell_of_recheck(
    session: Session, project: Project, recheck: Recheck, *, actor: Actor, now: datetime
) -> None:
    """The history, and the coordinator where something came out otherwise."""
    counts = counts_of(recheck.findings)
    zh, en = _WHEN[recheck.event.act == Succession.EXPIRED]
    note(
        session,
        project,
        "recheck_project",
        actor=actor,
        now=now,
        details={"check": recheck.check_id, "asked": recheck.asked, "released": recheck.released},
    )
    if recheck.failed is not None:
        text = f"{zh}复检失败，请人工检查 the recheck {en} failed, check by hand: {recheck.failed}"
    elif recheck.findings or recheck.asked or recheck.released:
        text = (
            f"{zh}已复检：新增 {counts['new']} 处，消失 {counts['gone']} 处，增大 {counts['grown']} 处；"
            f"另行征求 {len(recheck.asked)} 个部门，{len(recheck.released)} 个部门不再涉及"
            f" · rechecked {en}: {counts['new']} new, {counts['gone']} gone, {counts['grown']} grown;"
            f" {len(recheck.asked)} departments asked, {len(recheck.released)} released"
        )
    else:
        return
    tell(session, NoticeKind.RECHECK, text, to=Office.COORDINATOR, project=project, now=now)


def tell_of_ended_term(session: Session, event: PublicationEvent, *, projects: int, now: datetime) -> None:
    """Tell the department of the layer, which alone can put in force what follows."""
    layer = session.get_one(Layer, event.layer_id)
    ended_on = event.starts_on - timedelta(days=1)
    tell_department(
        session,
        NoticeKind.RECHECK,
        f"图层“{layer.title}”（{layer.code}）现行版本已于 {ended_on} 到期，此后的检查不再采用；其范围内有在办项目 {projects} 个。"
        f"请公布新版本或重新确认 · the version in force of layer {layer.code} is past its term since then: checks do not ask it"
        f" any more; {projects} open projects lie in it. Bring into force what follows",
        to=layer.department,
        now=now,
    )


def counts_of(findings: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """How many findings are new, gone, grown, shrunk, or weigh otherwise."""
    return {str(change): sum(each["change"] == change for each in findings) for change in Change}
