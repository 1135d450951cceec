"""`blueprint project meetings | ask-meeting | call-meeting | decline-meeting | minutes | close-decision`: coordination meetings (Art. 15)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from coordination import meetings, projects
from coordination.meeting_router import MeetingOut, MinutesIn, meeting_out
from coordination.meetings import Decided
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_app import Number, app, opened

MeetingId = Annotated[int, typer.Argument(min=1, help="协调会序号 id of the meeting")]
STATE_WORDS = {
    "asked": "已申请 asked for",
    "called": "已召集 called",
    "held": "已召开 held",
    "declined": "不召开 declined",
}


@app.command("meetings")
def list_meetings(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出项目的协调会 · the meetings of a project, with their agenda and decisions."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (_, session):
        project = projects.find_project_by_number(session, number)
        shown = [meeting_out(m) for m in meetings.meetings_of(session, project, actor=actor)]
    if output is OutputFormat.JSON:
        print_json([meeting.model_dump(mode="json") for meeting in shown])
        return
    rows = (
        [
            m.id,
            STATE_WORDS[m.state],
            m.question,
            " ".join(m.departments),
            f"{m.meets_at:%Y-%m-%d %H:%M}" if m.meets_at else "",
            m.minutes or "",
            "\n".join(
                f"{d.number} {d.department}: {d.text} {'✓' if d.closed_at else '…'}" for d in m.decisions
            ),
        ]
        for m in shown
    )
    columns = ["#", "状态 state", "议题 about", "部门 who", "时间 at", "纪要 minutes", "决定 decisions"]
    print_table("协调会 meetings", columns, rows, empty="没有协调会 no meeting")


@app.command("ask-meeting")
def ask_meeting(
    number: Number,
    question: Annotated[str, typer.Option(help="议题 what it is about")],
    department: Annotated[list[str], typer.Option(help="涉及部门，可多次 a department, repeatable")],
) -> None:
    """申请召开协调会 · ask for a meeting about a problem of two or more departments."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        made = meetings.ask_for_meeting(
            session, project.id, question, department, city=edge.city, actor=actor, now=edge.now()
        )
        _say(meeting_out(made))


@app.command("call-meeting")
def call_meeting(
    meeting: MeetingId,
    at: Annotated[str, typer.Option(metavar="YYYY-MM-DDTHH:MM", help="时间 when")],
    place: Annotated[str, typer.Option(help="地点 where")],
) -> None:
    """召集协调会 · call a meeting; what stands against what goes on its agenda."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        now = edge.now()
        try:
            meets_at = datetime.fromisoformat(at)
        except ValueError:
            raise InvalidInputError("{at!r} is no time; write it as 2026-12-01T09:30", at=at) from None
        meets_at = edge.city.instant_of(meets_at)
        _say(
            meeting_out(
                meetings.call_meeting(session, meeting, meets_at=meets_at, place=place, actor=actor, now=now)
            )
        )


@app.command("decline-meeting")
def decline_meeting(meeting: MeetingId, reason: Annotated[str, typer.Option(help="理由 why")]) -> None:
    """不召开协调会 · say that no meeting is held, and why."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        _say(
            meeting_out(
                meetings.decline_meeting(session, meeting, reason=reason, actor=actor, now=edge.now())
            )
        )


@app.command("minutes")
def record_minutes(
    meeting: MeetingId,
    file: Annotated[
        Path,
        typer.Argument(help='JSON 文件 {"minutes": …, "decisions": [{"department", "text", "request_id"}]}'),
    ],
) -> None:
    """记录会议纪要与决定 · keep what a meeting came to; each decision is for one of its departments."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    try:
        given = MinutesIn.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidInputError("the minutes cannot be read: {error}", error=error) from error
    decisions = [Decided(**decision.model_dump()) for decision in given.decisions]
    with opened() as (edge, session):
        _say(
            meeting_out(
                meetings.record_minutes(
                    session, meeting, given.minutes, decisions, actor=actor, now=edge.now()
                )
            )
        )


@app.command("close-decision")
def close_decision(
    meeting: MeetingId,
    number: Annotated[int, typer.Argument(min=1, help="决定序号 number of the decision")],
    how: Annotated[str, typer.Option(help="落实情况或确认意见 how it was met, or that it is confirmed")],
) -> None:
    """部门确认决定或完成任务 · the department confirms what settles its disagreement, or says how a task was done."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        _say(
            meeting_out(
                meetings.close_decision(session, meeting, number, how=how, actor=actor, now=edge.now())
            )
        )


def _say(meeting: MeetingOut) -> None:
    typer.echo(f"协调会 meeting {meeting.id}: {STATE_WORDS[meeting.state]} · {' '.join(meeting.departments)}")
