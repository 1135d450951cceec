"""The generation opinion (策划生成意见书) of a cleared project: what is handed over, as a document for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.documents.blocks import Block, Column, Document, Heading, Paragraph, Picture, Table
from blueprint.documents.maps import MapPicture
from blueprint.documents.rendering import DocumentForm
from blueprint.errors import ConflictError
from blueprint.permissions import Actor
from coordination.check_report import CheckReport, Reader, reader_of
from coordination.checks import run_check
from coordination.composition import handed_over
from coordination.figures import hectares, mu, rounded, square_metres
from coordination.handover import HandedCheck, HandedFinding, HandedOpinion, HandoverMessage
from coordination.models import FootprintRevision, OpinionKind, Project
from coordination.opinions import FindingKind
from coordination.particulars import ApprovalLevel
from coordination.projects import footprint_of, standing_clearance
from coordination.report_maps import conflicts_with_maps, report_maps
from coordination.report_words import CONCLUSION_WORDS, OUTCOME_WORDS, SEVERITY_WORDS
from coordination.reports import reader_line
from coordination.responsibility import feature_name

KIND_WORDS = {
    OpinionKind.AGREE: "同意 agrees",
    OpinionKind.AGREE_WITH_CONDITIONS: "有条件同意 agrees with conditions",
    OpinionKind.DISAGREE: "不同意 disagrees",
    OpinionKind.NO_OBJECTION: "无意见 has no objection",
    OpinionKind.DEEMED_NO_OBJECTION: "逾期视为无意见 silence, deemed no objection (Art. 11)",
}
FINDING_WORDS = {
    FindingKind.AGREE: "同意 agreed",
    FindingKind.AGREE_WITH_CONDITIONS: "有条件同意 agreed with conditions",
    FindingKind.DISAGREE: "不同意 not agreed",
    FindingKind.NO_OBJECTION: "无意见 no objection",
    FindingKind.NOT_NEEDED: "无须征询 no consultation needed",
}
LEVEL_WORDS = {
    ApprovalLevel.DISTRICT: "区县 district",
    ApprovalLevel.CITY: "市 city",
    ApprovalLevel.PROVINCE: "省 province",
    ApprovalLevel.STATE: "国家 state",
}


@dataclass(frozen=True)
class WrittenOpinion:
    """The document as the bytes of a file, and the number of its project."""

    content: bytes
    planning_number: str


def write_generation_opinion(
    session: Session, project: Project, form: DocumentForm, *, city: City, actor: Actor, now: datetime
) -> WrittenOpinion:
    """The document about a project's clearance; its words are those of the handover, its map is as the reader may see it.

    It names whom it was given to, and on which grants its maps show layers of others (Art. 17, 18).
    """
    clearance = standing_clearance(session, project)
    if clearance is None:
        raise ConflictError(
            "{planning_number} is not cleared; the generation opinion (策划生成意见书) is written with the"
            " clearance",
            planning_number=project.planning_number,
        )
    message = handed_over(clearance)
    revision = session.get_one(FootprintRevision, clearance.footprint_revision_id)
    footprint = footprint_of(revision)
    report = run_check(session, footprint, city=city, actor=actor, on=message.check.on, with_shapes=True)
    maps = _maps(report, report_maps(session, report, footprint.geometry, city=city, actor=actor), message)
    reader = reader_of(actor, [layer.code for layer in report.layers], now)
    document = generation_opinion(
        message, sha256=clearance.handover.sha256, city=city, maps=maps, reader=reader
    )
    after = {"handover": message.message_id, "form": str(form)}
    record(session, actor, "read_generation_opinion", kind="project", id=project.planning_number, after=after)
    content = form.write(document, maps)
    return WrittenOpinion(content, project.planning_number)


def _maps(
    report: CheckReport, maps: Mapping[str, MapPicture], message: HandoverMessage
) -> dict[str, MapPicture]:
    """The maps of the check's day as its reader may see them: the site among the layers, and conflicts one by one."""
    numbers = {(f.layer, f.feature, f.overlap_m2): f.number for f in message.check.findings}
    drawn = {"overview": maps["overview"]}
    for number, finding in conflicts_with_maps(report):
        # A reader who is told of fewer layers has other numbers in the report.
        feature = feature_name(finding.source_id, finding.feature_id)
        own = numbers.get((finding.layer, feature[:200], round(finding.overlap_m2, 2)))
        if own is not None:
            drawn[f"conflict-{own}"] = replace(maps[f"conflict-{number}"], title=f"第 {own} 处 no. {own}")
    return drawn


def generation_opinion(
    message: HandoverMessage,
    *,
    sha256: str,
    city: City,
    maps: Mapping[str, MapPicture],
    reader: Reader | None = None,
) -> Document:
    """The document as blocks, from the message and the names of its maps, for its reader."""
    project = message.project
    given_to = "" if reader is None else reader_line(reader)
    blocks: list[Block] = [
        *_project(message, city),
        Heading("二、用地位置 Site"),
        *([Picture("overview", "用地位置与涉及图层 the site among the layers")] if maps else []),
        *_site(message),
        *_conflicts(message),
        *_opinions(message.opinions),
        *_conditions(message.opinions),
        *_conclusion(message),
        *_annex(message, sha256, maps),
        *([Paragraph(f"出具对象 given to: {given_to}", is_note=True)] if given_to else []),
    ]
    return Document(
        title="建设项目策划生成意见书",
        subtitle=" · ".join((city.name, project.planning_number, project.name)),
        blocks=tuple(blocks),
        footer=f"{project.planning_number} · 推送摘要 handover {sha256[:16]}… · 检测摘要 check {message.check.digest[7:23]}…"
        + (f" · {given_to[:90]}" if given_to else ""),
        author=message.cleared_by,
    )


def _project(message: HandoverMessage, city: City) -> Iterable[Block]:
    project = message.project
    types = {kind.code: kind.name for kind in city.project_types}
    districts = {district.code: district.name for district in city.districts}
    rows = [
        ("策划编号 planning number", project.planning_number),
        ("项目名称 project", project.name),
        ("建设单位 applicant", project.applicant),
        ("统一社会信用代码 credit code", project.applicant_code),
        ("建设内容与用途 purpose", project.purpose),
        ("项目类型 type", types.get(project.project_type or "", project.project_type)),
        ("行业 industry", project.industry),
        (
            "总投资（万元） investment, 10,000 yuan",
            None if project.investment_10k_cny is None else rounded(project.investment_10k_cny, 2),
        ),
        ("规划用途 planned use", project.planned_use),
        ("所在区县 district", districts.get(project.district or "", project.district)),
        ("资金来源 funds", project.funds_source),
        ("计划开工 planned start", project.planned_start_on and str(project.planned_start_on)),
    ]
    yield Heading("一、项目概况 Project")
    yield Table(
        (Column("事项 item", width=1), Column("内容 content", width=2.4)),
        tuple((label, value) for label, value in rows if value),
    )


def _site(message: HandoverMessage) -> Iterable[Block]:
    area = message.footprint.area_m2
    yield Paragraph(
        f"用地红线第 {message.footprint.revision} 版，面积 {square_metres(area)} 平方米"
        f"（{hectares(area)} 公顷，{mu(area)} 亩），坐标系 {message.footprint.crs}。"
    )


def _conflicts(message: HandoverMessage) -> Iterable[Block]:
    chinese, english = CONCLUSION_WORDS[message.check.verdict]
    yield Heading("三、合规性检测 Check")
    yield Paragraph(f"{message.check.on} 检测，结论：{chinese} {english}。", is_strong=True)
    if message.check.conflicts:
        yield Table(
            (
                Column("图层 layer", width=1.6),
                Column("管控 control"),
                Column("图斑数 features", is_figure=True),
                Column("压占 m²", is_figure=True),
                Column("长度 m", is_figure=True),
            ),
            tuple(
                (
                    c.title,
                    " ".join(SEVERITY_WORDS[c.control]),
                    str(c.feature_count),
                    square_metres(c.overlap_m2),
                    rounded(c.length_m, 2),
                )
                for c in message.check.conflicts
            ),
        )
    else:
        yield Paragraph("未涉及任何管控图层。 No layer is met.")
    yield from _findings(message.check)
    if message.check.not_checked:
        told = "；".join(
            f"{each.title}（{OUTCOME_WORDS[each.outcome][0]}）" for each in message.check.not_checked
        )
        yield Paragraph(f"未能核对的图层 Layers that say nothing of the site：{told}。", is_note=True)
    for aside in message.check.set_aside:
        yield Paragraph(
            f"异议成立、不计入：{aside.department_name} {aside.title} {aside.feature}。理由：{aside.reason}；处理：{aside.decision}"
            f"（{aside.decided_by}）。 set aside by its owner.",
            is_note=True,
        )


def _findings(check: HandedCheck) -> Iterable[Block]:
    """The conflicts one by one, with their legal basis and what was said of each alone."""
    if not check.findings:
        return
    yield Paragraph("逐处列明如下。 One by one:")
    yield Table(
        (
            Column("编号 no.", width=0.4),
            Column("图层与图斑 feature", width=1.3),
            Column("管控 control", width=0.7),
            Column("涉及 measure", width=0.9),
            Column("依据 legal basis", width=1.3),
            Column("部门与单项意见 department, of this alone", width=1.2),
        ),
        tuple(
            (
                str(each.number),
                f"{each.title}\n{each.feature}".strip(),
                " ".join(SEVERITY_WORDS[each.severity]),
                "\n".join(_measures(each)) or "—",
                each.basis or "—",
                "\n".join(_said_of(each, check)),
            )
            for each in check.findings
        ),
    )
    if check.findings_left_out:
        yield Paragraph(
            f"另有 {check.findings_left_out} 处，见检测报告。 {check.findings_left_out} more are in the report.",
            is_note=True,
        )


def _said_of(finding: HandedFinding, check: HandedCheck) -> Iterable[str]:
    yield finding.department_name
    if finding.said:
        yield FINDING_WORDS[FindingKind(finding.said)]
    if any((aside.layer, aside.feature) == (finding.layer, finding.feature) for aside in check.set_aside):
        yield "异议成立，不计入 set aside"


def _measures(finding: HandedFinding) -> Iterable[str]:
    if finding.overlap_m2:
        yield f"{square_metres(finding.overlap_m2)} m²"
    if finding.length_m:
        yield f"{rounded(finding.length_m, 2)} m"
    if finding.point_count:
        yield f"{finding.point_count} 处 points"


def _opinions(opinions: Sequence[HandedOpinion]) -> Iterable[Block]:
    yield Heading("四、部门意见 Opinions of departments")
    if not opinions:
        yield Paragraph("无须征求部门意见。 Nobody had to be asked.")
        return
    yield Table(
        (
            Column("部门 department", width=1.2),
            Column("意见 opinion"),
            Column("日期 day", width=0.7),
            Column("说明 words", width=1.4),
        ),
        tuple(
            (
                o.department_name,
                KIND_WORDS[OpinionKind(o.kind)],
                str(o.given_on),
                "\n".join(text for text in (o.conditions, o.remark, *_of_findings(o)) if text),
            )
            for o in opinions
        ),
    )


def _of_findings(opinion: HandedOpinion) -> list[str]:
    """What is said of single findings besides conditions, which have a table of their own."""
    return [f"{each.about}：{FINDING_WORDS[FindingKind(each.kind)]}：{each.text}" for each in opinion.answers]


def _conditions(opinions: Sequence[HandedOpinion]) -> Iterable[Block]:
    rows = tuple(
        (o.department_name, str(c.number), c.text, c.about or "") for o in opinions for c in o.condition_list
    )
    yield Heading("五、附带条件 Conditions")
    if not rows:
        yield Paragraph("无附带条件。 None.")
        return
    yield Table(
        (
            Column("部门 department", width=1.2),
            Column("序号 no.", width=0.4),
            Column("条件 condition", width=2),
            Column("涉及 about"),
        ),
        rows,
    )
    yield Paragraph(
        "以上条件随项目推送联合审批系统，在审批阶段落实。 They go with the project into approval.",
        is_note=True,
    )


def _conclusion(message: HandoverMessage) -> Iterable[Block]:
    yield Heading("六、结论 Conclusion")
    yield Paragraph(
        f"经多规合一业务协同，{message.project.name}（{message.project.planning_number}）于 {message.cleared_on} 通过策划生成，"
        "信息推送工程建设项目联合审批系统。项目代码由建设单位在投资项目在线审批监管平台取得。",
        is_strong=True,
    )
    yield Paragraph(f"经办 cleared by：{message.cleared_by}")


def _annex(message: HandoverMessage, sha256: str, maps: Mapping[str, MapPicture]) -> Iterable[Block]:
    """The maps of conflicts, and the digests that prove what the document rests on."""
    yield Heading("附：详图与摘要 Annex: maps and digests")
    for finding in message.check.findings:
        name = f"conflict-{finding.number}"
        if name in maps:
            yield Picture(name, f"第 {finding.number} 处：{finding.title} {finding.feature}".strip())
    yield Table(
        (Column("摘要 digest", width=1), Column("SHA-256", width=3)),
        (
            ("合规性检测 check", message.check.digest),
            ("推送信息 handover", f"sha256:{sha256}"),
            ("推送编号 message", str(message.message_id)),
        ),
    )
