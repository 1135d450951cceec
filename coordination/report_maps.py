"""The maps of a check report: where the site lies among the layers, and one map for every conflict."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import load_statements
from blueprint.documents.maps import Frame, Link, MapItem, MapPicture, frame_around
from blueprint.layers.models import Layer, LayerVersion, Symbology
from blueprint.permissions import Actor
from blueprint.sharing.purposes import record_reading
from blueprint.standards.loading import standards
from coordination.check_report import CheckReport, Finding
from coordination.report_words import RELATION_WORDS, SEVERITY_COLORS, SEVERITY_WORDS
from coordination.rules import Outcome

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

MAX_CONFLICT_MAPS = 12
"""So many conflicts have a map of their own, the worst first; all are in the GeoJSON."""

MAX_LINKED = 200
"""So many findings are numbered on the map of a page, and found from it; the worst first."""

_MAX_FEATURES = 1500
_MAX_CLASSES = 6
_SITE_COLOR = "#d00000"
_OTHER_COLOR = "#8a8a8a"
_DRAWN = (Outcome.CONFLICT, Outcome.CLEAR, Outcome.OUTSIDE_COVERAGE)


@dataclass(frozen=True)
class DrawnLayer:
    """A layer that maps draw: its version, what the legend calls it, and its colours."""

    version_id: int
    code: str
    title: str
    color: str
    class_colors: Mapping[str, tuple[str, str]]
    class_field: str | None


def report_maps(
    session: Session, report: CheckReport, site: shapely.MultiPolygon, *, city: City, actor: Actor
) -> dict[str, MapPicture]:
    """The maps by name: `overview`, and `conflict-N` for the finding with that place in the report.

    Only layers that the report speaks of to this reader are drawn; that they were shown is recorded.
    """
    drawn = _drawn_layers(session, report)
    things = session.scalars(
        select(Layer).where(Layer.code.in_([layer.code for layer in drawn.values()]))
    ).all()
    record_reading(session, actor, [layer.thing for layer in things], kind="report_map", id=report.digest)
    note = f"{report.working_crs} · {report.on} · {city.name}一张蓝图"
    frame = frame_around([site])
    maps = {
        "overview": MapPicture(
            "项目位置与冲突 Site and conflicts",
            frame,
            (
                *_context(session, frame, list(drawn.values()), city),
                *_met(report, drawn),
                *_overlaps(report),
                _site_item(site),
            ),
            note,
        )
    }
    for number, finding in conflicts_with_maps(report):
        assert finding.shape is not None
        frame = frame_around([finding.shape])
        own = [layer for layer in drawn.values() if layer.code == finding.layer]
        title = next(layer.title for layer in report.layers if layer.code == finding.layer)
        maps[f"conflict-{number}"] = MapPicture(
            f"{number}. {title}",
            frame,
            (*_context(session, frame, own, city), _hatched(finding.severity, [finding]), _site_item(site)),
            note,
        )
    return maps


def conflicts_with_maps(report: CheckReport) -> list[tuple[int, Finding]]:
    """The findings that have a map of their own, each with its place in the report, counted from 1."""
    numbered = enumerate(report.findings, start=1)
    return [(n, f) for n, f in numbered if f.shape is not None and not f.sliver][:MAX_CONFLICT_MAPS]


def _drawn_layers(session: Session, report: CheckReport) -> dict[str, DrawnLayer]:
    versions = {layer.code: layer.version for layer in report.layers if layer.outcome in _DRAWN}
    rows = session.execute(
        select(Layer, LayerVersion)
        .join(LayerVersion, LayerVersion.layer_id == Layer.id)
        .where(Layer.code.in_(versions))
        .order_by(Layer.is_base_map.desc(), Layer.position.desc(), Layer.code)
    )
    return {
        layer.code: DrawnLayer(
            version_id=version.id,
            code=layer.code,
            title=layer.title,
            color=layer.color or _OTHER_COLOR,
            class_colors=class_colors(layer.symbology),
            class_field=layer.class_field,
        )
        for layer, version in rows
        if version.number == versions[layer.code]
    }


def class_colors(symbology: str | None) -> dict[str, tuple[str, str]]:
    """Title and colour of every class of the land-use standard that a layer is drawn by; empty for other layers."""
    if symbology is None:
        return {}
    edition = standards().land_use[Symbology(symbology).removeprefix("land_use_")]
    return {code: (land_use.title, land_use.color.lower()) for code, land_use in edition.items()}


def land_use_code(
    attributes: Mapping[str, object], field: str | None, known: Mapping[str, object]
) -> str | None:
    """The class code of a feature as the standard writes it: plan databases pad it with noughts."""
    code = str(attributes.get(field or "YSDM") or "")
    while code not in known and code.endswith("00"):
        code = code[:-2]
    return code if code in known else None


def _context(session: Session, frame: Frame, layers: Sequence[DrawnLayer], city: City) -> Iterable[MapItem]:
    """What of the layers comes into the frame: one item a layer, or one a class where classes have colours."""
    of_version = {layer.version_id: layer for layer in layers}
    found: dict[tuple[int, str], list[BaseGeometry]] = defaultdict(list)
    colors: dict[tuple[int, str], tuple[str, str]] = {}
    values = {
        "west": frame.west,
        "south": frame.south,
        "east": frame.east,
        "north": frame.north,
        "working_srid": city.working_srid,
        "version_ids": list(of_version),
        "at_most": _MAX_FEATURES,
    }
    for row in session.execute(_SQL["features_in_frame"], values):
        layer = of_version[row.version_id]
        code = land_use_code(row.attributes, layer.class_field, layer.class_colors) or ""
        key = (row.version_id, code)
        found[key].append(shapely.from_wkb(bytes(row.shape)))
        title, color = layer.class_colors.get(code, ("", layer.color))
        colors[key] = (f"{layer.title} {code} {title}" if title else layer.title, color)
    order = list(of_version)
    for version_id in order:
        keys = sorted((key for key in found if key[0] == version_id), key=lambda key: -len(found[key]))
        for place, key in enumerate(keys):
            label, color = colors[key]
            is_class = bool(key[1])
            yield MapItem(
                label=label if place < _MAX_CLASSES else "",
                color=color,
                shapes=tuple(found[key]),
                fill_opacity=0.75 if is_class else 0.15,
                line_mm=0.2 if is_class else 0.35,
            )


def _met(report: CheckReport, drawn: Mapping[str, DrawnLayer]) -> Iterable[MapItem]:
    """The conflicts in the colours of their layers, beneath the hatching; land use has those of its classes already."""
    for code, layer in drawn.items():
        shapes = tuple(f.shape for f in report.findings if f.layer == code and f.shape is not None)
        if shapes and not layer.class_colors:
            yield MapItem("", layer.color, shapes, fill_opacity=0.45, line_mm=0.0)


def _overlaps(report: CheckReport) -> Iterable[MapItem]:
    """The conflicts, hatched in the colour of their severity, the worst on top and small ones over large; each leads to its row."""
    titles = {layer.code: layer.title for layer in report.layers}
    numbers = {number for number, _ in linked_findings(report)}
    of_severity: dict[str, list[tuple[int, Finding]]] = defaultdict(list)
    for number, finding in enumerate(report.findings, start=1):
        if finding.shape is not None:
            of_severity[finding.severity].append((number, finding))
    for severity in reversed(list(SEVERITY_WORDS)):
        found = sorted(of_severity[severity], key=lambda each: -shapely.area(each[1].shape))
        linked = [each for each in found if each[0] in numbers]
        rest = [finding for number, finding in found if number not in numbers]
        links = tuple(
            Link(
                finding_id(number),
                f"{number} · {SEVERITY_WORDS[severity][0]} · {caption_of(finding, titles[finding.layer])}",
                str(number),
            )
            for number, finding in linked
        )
        if linked:
            yield replace(_hatched(severity, [finding for _, finding in linked]), links=links)
        if rest:
            yield replace(_hatched(severity, rest), label="" if linked else _named(severity))


def _hatched(severity: str, findings: Sequence[Finding]) -> MapItem:
    return MapItem(
        label=_named(severity),
        color=SEVERITY_COLORS[severity],
        shapes=tuple(f.shape for f in findings if f.shape is not None),
        fill_opacity=0.25,
        line_mm=0.4,
        hatch="////",
    )


def _named(severity: str) -> str:
    return " ".join(SEVERITY_WORDS[severity])


def linked_findings(report: CheckReport) -> list[tuple[int, Finding]]:
    """The findings that the map of a page leads to and from, each with its place in the report, counted from 1."""
    numbered = enumerate(report.findings, start=1)
    return [(number, finding) for number, finding in numbered if finding.shape is not None][:MAX_LINKED]


def finding_id(number: int) -> str:
    """What the row of a finding is called on its page."""
    return f"finding-{number}"


def _site_item(site: shapely.MultiPolygon) -> MapItem:
    return MapItem("用地红线 site boundary", _SITE_COLOR, (site,), fill_opacity=0.0, line_mm=0.7)


def caption_of(finding: Finding, title: str) -> str:
    """What stands beneath the map of a conflict."""
    words = RELATION_WORDS[finding.relation]
    feature = finding.source_id or finding.feature_id
    return f"{title}{f' · 图斑 {feature}' if feature else ''} · {words[0]} {words[1]}"
