"""What coordination handed over, as papers of the case's library (Art. 3, 14): one to read, and the site for a GIS.

They lie there from the first day on, anew when the project is corrected or handed over again; a material of the process
table that coordination brings is the first of them.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from html import escape
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.item_models import Material
from approval.models import Case
from approval.process_table import Obtained
from blueprint.objects import objects_of
from coordination.handover import HandedFootprint, HandoverMessage

SITE, WHOLE = "SITE", "HANDOVER"
"""Codes of the site and of all of it in the library; no item needs either by that name."""
_TITLES = {WHOLE: "策划生成信息（红线、合规性检查、部门意见）", SITE: "用地红线（GeoJSON）"}
MOST_POINTS = 500
"""So many points of the boundary are written out; the file for a GIS has all."""

_KINDS = {
    "agree": "同意 agrees",
    "agree_with_conditions": "有条件同意 agrees with conditions",
    "disagree": "不同意 disagrees",
    "no_objection": "无意见 no objection",
    "deemed_no_objection": "视为无意见 deemed no objection (Art. 11)",
    "not_needed": "无需征询 not needed",
}
_VERDICTS = {
    "clear": "无冲突 no conflict",
    "inform": "提示 to note",
    "advise": "建议 advised against",
    "restrict": "限制 restricted",
    "prohibit": "禁止 prohibited",
}
_OUTCOMES = {
    "no_data": "无数据 no data",
    "expired": "已过期 expired",
    "outside_coverage": "超出覆盖范围 not covered",
}


def keep_papers(
    session: Session, case: Case, titles: Mapping[str, str] | None = None, *, now: datetime
) -> None:
    """Keep the papers as the case now reads, and `titles` by their codes besides; what did not change is left.

    A later version says why it replaces the one before.
    """
    message = HandoverMessage.model_validate(case.message)
    objects = objects_of(session)
    stored = {}
    for name, content in (("html", document(message)), ("geojson", geojson(message))):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(content, encoding="utf-8")
            stored[name] = objects.put(path)
    newest = {row.code: row for row in _kept(session, case)}
    wanted = _TITLES | {row.code: row.title for row in newest.values()} | dict(titles or {})
    for code, title in wanted.items():
        suffix, known = "geojson" if code == SITE else "html", newest.get(code)
        if known is not None and known.sha256 == stored[suffix].sha256:
            continue
        if known is not None and known.sha256 is None:
            # Named without a file before the papers were kept: nothing was corrected, so it stays the same version.
            known.file_name = f"{case.planning_number}-{code}.{suffix}"
            known.sha256, known.size_bytes = stored[suffix].sha256, stored[suffix].size_bytes
            continue
        session.add(
            Material(
                case_id=case.id,
                code=code,
                version=known.version + 1 if known is not None else 1,
                title=title,
                origin=Obtained.HANDOVER,
                given_on=now.date(),
                given_by=message.cleared_by,
                replaces_reason="更正或重新推送 corrected or handed over again"
                if known is not None
                else None,
                file_name=f"{case.planning_number}-{code}.{suffix}",
                sha256=stored[suffix].sha256,
                size_bytes=stored[suffix].size_bytes,
            )
        )
    session.flush()


def forget_papers(session: Session, case: Case, codes: Iterable[str]) -> None:
    """Take back what the table that the case is prepared under now does not have."""
    gone = set(codes) | set(_TITLES)
    for row in _kept(session, case):
        if row.code not in gone:
            session.delete(row)
    session.flush()


def _kept(session: Session, case: Case) -> list[Material]:
    statement = select(Material).where(Material.case_id == case.id, Material.origin == Obtained.HANDOVER)
    return list(session.scalars(statement.order_by(Material.version)))


def geojson(message: HandoverMessage) -> str:
    """The site in its own CRS, named as GeoJSON of 2008 names one: metres, easting before northing."""
    site = message.footprint
    feature = {
        "type": "Feature",
        "properties": {
            "planning_number": message.planning_number,
            "name": message.project.name,
            "revision": site.revision,
            "area_m2": site.area_m2,
        },
        "geometry": {"type": "MultiPolygon", "coordinates": site.coordinates},
    }
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{site.crs.replace(':', '::')}"}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}, ensure_ascii=False)


def document(message: HandoverMessage) -> str:
    """All of it as one page that needs nothing else: the project, its site, the check, every opinion."""
    project, check = message.project, message.check
    facts = {
        "策划编号 planning number": project.planning_number,
        "建设单位 applicant": project.applicant,
        "建设内容 purpose": project.purpose,
        "项目类型 type": project.project_type,
        "拟用地性质 planned use": project.planned_use,
        "区县 district": project.district,
        "资金来源 funds": project.funds_source,
        "投资（万元） investment, 10 000 CNY": project.investment_10k_cny,
        "生成 cleared": f"{message.cleared_on} {message.cleared_by}",
    }
    checked = {
        "检查日期 day": check.on,
        "结论 verdict": _VERDICTS[check.verdict],
        "摘要 digest": check.digest,
    }
    parts = [
        f"<h1>{escape(project.name)} <small>策划生成信息 handed over by coordination</small></h1>",
        _facts(facts),
        "<h2>用地红线 Site</h2>",
        *_site(message.footprint),
        "<h2>合规性检查 Check</h2>",
        _facts(checked),
        *_findings(message),
        "<h2>部门意见 Opinions</h2>",
        *_opinions(message),
    ]
    return _PAGE.format(title=escape(f"{project.planning_number} {project.name}"), body="\n".join(parts))


_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }}
table {{ border-collapse: collapse; width: 100% }} th, td {{ border: 1px solid #999; padding: 2px 6px; text-align: left; vertical-align: top }}
svg {{ max-width: 100%; max-height: 24em; border: 1px solid #999 }} small {{ color: #555; font-weight: normal }}</style></head>
<body>
{body}
</body></html>
"""


def _facts(facts: Mapping[str, object]) -> str:
    return _table((), [(name, value) for name, value in facts.items() if value is not None])


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{heads}</tr>' if heads else ''}{body}</table>"


def _site(site: HandedFootprint) -> Iterator[str]:
    """Its outline from above, and its points one by one (界址点), easting before northing."""
    points = [
        (f"{part}-{ring}-{number}", x, y)
        for part, rings in enumerate(site.coordinates, start=1)
        for ring, corners in enumerate(rings, start=1)
        for number, (x, y) in enumerate(corners[:-1], start=1)
    ]
    west, east = min(x for _, x, _ in points), max(x for _, x, _ in points)
    south, north = min(y for _, _, y in points), max(y for _, _, y in points)
    margin = max(east - west, north - south, 1.0) / 20
    outline = " ".join(
        "M" + " L".join(f"{x - west:.2f},{north - y:.2f}" for x, y in corners[:-1]) + " Z"
        for rings in site.coordinates
        for corners in rings
    )
    box = f"{-margin:.2f} {-margin:.2f} {east - west + 2 * margin:.2f} {north - south + 2 * margin:.2f}"
    yield f"<p>第 {site.revision} 版 revision · {site.area_m2:.2f} m² · {escape(site.crs)}</p>"
    yield (
        f'<svg viewBox="{box}" role="img" aria-label="用地红线 outline"><path d="{outline}" fill="#f6d5d5" stroke="#c00"'
        ' fill-rule="evenodd" stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg>'
    )
    yield _table(("界址点 point", "东 easting, m", "北 northing, m"), points[:MOST_POINTS])
    if len(points) > MOST_POINTS:
        yield f"<p>只列出前 {MOST_POINTS} 点，共 {len(points)} 点，全部见 GeoJSON。 The first of all points.</p>"


def _findings(message: HandoverMessage) -> Iterator[str]:
    check = message.check
    yield _table(
        ("图层 layer", "主管部门 department", "图斑数 features", "重叠面积 overlap, m²", "长度 length, m"),
        (
            (row.title, row.department, row.feature_count, f"{row.overlap_m2:.2f}", f"{row.length_m:.2f}")
            for row in check.conflicts
        ),
    )
    if check.findings:
        yield "<h3>逐个图斑 Finding by finding</h3>"
        yield _table(
            ("序号", "图层 layer", "图斑 feature", "程度 severity", "重叠 m²", "依据 basis", "部门意见 said"),
            (
                (
                    row.number,
                    f"{row.title}（{row.department_name}）",
                    row.feature,
                    _VERDICTS[row.severity],
                    f"{row.overlap_m2:.2f}",
                    row.basis,
                    _KINDS.get(row.said or "", ""),
                )
                for row in check.findings
            ),
        )
    if check.findings_left_out:
        yield f"<p>另有 {check.findings_left_out} 个图斑未列。 Findings besides these.</p>"
    if check.set_aside:
        yield "<h3>异议成立 Set aside</h3>"
        yield _table(
            ("图层 layer", "图斑 feature", "理由 reason", "决定 decision", "决定人 by"),
            ((row.title, row.feature, row.reason, row.decision, row.decided_by) for row in check.set_aside),
        )
    if check.not_checked:
        yield "<h3>未能检查的图层 Layers that say nothing of the site</h3>"
        yield _table(
            ("图层 layer", "主管部门 department", "原因 why"),
            ((row.title, row.department, _OUTCOMES[row.outcome]) for row in check.not_checked),
        )


def _opinions(message: HandoverMessage) -> Iterator[str]:
    yield _table(
        ("部门 department", "意见 opinion", "条件和说明 conditions, remark", "日期 day"),
        (
            (
                row.department_name,
                _KINDS[row.kind],
                "；".join(
                    [
                        *([each.text for each in row.condition_list] or filter(None, [row.conditions])),
                        *filter(None, [row.remark]),
                        *(f"{each.about}：{_KINDS[each.kind]}，{each.text}" for each in row.answers),
                    ]
                ),
                row.given_on,
            )
            for row in message.opinions
        ),
    )
