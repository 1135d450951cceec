"""`blueprint project handling | handle`: a request's way inside its department (科室流转)."""

from pathlib import Path
from typing import Annotated

import typer

from blueprint.permissions import Act, require
from coordination.handling import take_step
from coordination.handling_models import HandlingState, HandlingStep
from coordination.handling_router import handling_out
from coordination.opinion_requests import find_request
from coordination.opinion_router import opinion_given
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_answers import checked_opinion, read_object
from service.commands.project_app import RequestId, app, opened

HANDLING_WORDS = {
    HandlingState.TO_RECEIVE: "待接收 to receive",
    HandlingState.IN_STUDY: "研究 in study",
    HandlingState.IN_REVIEW: "待审核 in review",
    HandlingState.TO_ISSUE: "待签发 to issue",
    HandlingState.ISSUED: "已签发 issued",
}
STEP_WORDS = {
    HandlingStep.RECEIVE: "接收 received",
    HandlingStep.HAND_OVER: "转科室 handed over",
    HandlingStep.ASSIGN: "交办 assigned",
    HandlingStep.SAVE: "暂存 saved",
    HandlingStep.SUBMIT: "送审 submitted",
    HandlingStep.APPROVE: "审核通过 approved",
    HandlingStep.SEND_BACK: "退回 sent back",
    HandlingStep.ISSUE: "签发 issued",
    HandlingStep.REOPEN: "重新办理 reopened",
}


@app.command("handling")
def show_handling(request_id: RequestId, output: FormatOption = OutputFormat.TABLE) -> None:
    """科室流转 · where a request lies inside its department, and every step that was taken."""
    actor = local_operator()
    with opened() as (edge, session):
        request = find_request(session, request_id, actor=actor)
        require(actor, Act.HANDLE_REQUEST, request.thing)
        result = handling_out(session, request, actor=actor, edge=edge)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    if result.state is None:
        typer.echo("该部门直接反馈，不分科室 this department answers at once")
        return
    print_table(
        f"意见征询 request {request_id} · {HANDLING_WORDS[result.state]} · {result.section or '—'}"
        f" · {result.officer or '—'} · 内部时限 internal limit {result.internal_due_on or '—'}",
        ["时间 at", "步骤 step", "办理人 by", "代 for", "科室 section", "承办人 officer", "理由 reason"],
        (
            [
                f"{e.at:%Y-%m-%d %H:%M}",
                STEP_WORDS[e.step],
                e.by,
                e.stands_for or "",
                e.section or "",
                e.officer or "",
                e.reason or "",
            ]
            for e in result.events
        ),
        empty="尚未接收 not received yet",
    )


@app.command("handle")
def handle(
    request_id: RequestId,
    step: Annotated[HandlingStep, typer.Argument(help="步骤 step")],
    section: Annotated[int | None, typer.Option(min=1, help="科室编号 section, with hand_over")] = None,
    officer: Annotated[str | None, typer.Option(help="承办人账号 login, with assign")] = None,
    draft: Annotated[
        Path | None, typer.Option(help="意见 JSON，同 PUT …/opinion the opinion as JSON, as over HTTP")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="理由 why")] = None,
) -> None:
    """代部门办理内部步骤 · take an internal step with a request, for its department."""
    actor = local_operator()
    with opened() as (edge, session):
        require(actor, Act.HANDLE_REQUEST, find_request(session, request_id, actor=actor).thing)
        done = take_step(
            session,
            request_id,
            step,
            city=edge.city,
            calendar=edge.calendar,
            actor=actor,
            now=edge.now(),
            section_id=section,
            officer=officer,
            draft=opinion_given(checked_opinion(read_object(draft)), edge.city) if draft else None,
            reason=reason,
        )
        state = HandlingState(done.state)
    typer.echo(f"{STEP_WORDS[step]} → {HANDLING_WORDS[state]}")
