"""What land a footprint takes, by class of land use (占用耕地、林地、建设用地 …): the area table of a report."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.layers.models import Layer
from blueprint.overlay import Relation
from blueprint.standards.loading import standards
from coordination.check_report import CheckReport, Finding
from coordination.report_maps import land_use_code
from coordination.report_words import LAND_WORDS

_OF_NO_FEATURE = (Relation.OUTSIDE, Relation.UNCOVERED)


@dataclass(frozen=True)
class LandTaken:
    """The area of one class in one layer, m²: ground that several of its features cover counts once."""

    layer: str
    layer_title: str
    code: str
    title: str
    land_class: str
    overlap_m2: float
    overlap_share: float


def land_taken(session: Session, report: CheckReport) -> tuple[LandTaken, ...]:
    """The footprint's area by class, in every layer that is classed by the land-use standard; empty where there is none.

    The report's findings need their shapes. What a layer leaves open, or what lies outside of it, is no land of a class.
    """
    findings = [f for f in report.findings if f.overlap_m2 > 0 and f.relation not in _OF_NO_FEATURE]
    classed = select(Layer).where(
        Layer.code.in_({finding.layer for finding in findings}), Layer.symbology.is_not(None)
    )
    taken = []
    for layer in session.scalars(classed.order_by(Layer.code)):
        edition = standards().land_use[(layer.symbology or "").removeprefix("land_use_")]
        met: dict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.layer == layer.code:
                code = land_use_code(finding.attributes, layer.class_field, edition)
                met[code or ""].append(finding)
        sums = {code: _area_m2(of_class) for code, of_class in met.items()}
        for code, area in sorted(sums.items(), key=lambda item: -item[1]):
            known = edition.get(code)
            taken.append(
                LandTaken(
                    layer=layer.code,
                    layer_title=layer.title,
                    code=code or "—",
                    title=known.title if known else "未注明 not said",
                    land_class=" ".join(LAND_WORDS[known.land_class]) if known else "—",
                    overlap_m2=area,
                    overlap_share=min(1.0, area / report.footprint.area_m2),
                )
            )
    return tuple(taken)


def land_classes(land: Sequence[LandTaken]) -> tuple[LandTaken, ...]:
    """The sums of each layer by the three great classes of land (三大类), in the order of the rows."""
    sums: dict[tuple[str, str], list[LandTaken]] = defaultdict(list)
    for row in land:
        sums[row.layer, row.land_class].append(row)
    return tuple(
        LandTaken(
            layer=layer,
            layer_title=rows[0].layer_title,
            code="",
            title="小计 subtotal",
            land_class=land_class,
            overlap_m2=math.fsum(row.overlap_m2 for row in rows),
            overlap_share=min(1.0, math.fsum(row.overlap_share for row in rows)),
        )
        for (layer, land_class), rows in sums.items()
    )


def _area_m2(findings: Iterable[Finding]) -> float:
    """What findings take together; areas by the measure are in the same proportion as plane ones within one site."""
    found = list(findings)
    together = math.fsum(finding.overlap_m2 for finding in found)
    shapes = [finding.shape for finding in found if finding.shape is not None]
    if len(found) == 1 or len(shapes) < len(found):
        return together
    plane_m2 = math.fsum(shape.area for shape in shapes)
    return together * min(1.0, float(shapely.union_all(shapes).area) / plane_m2) if plane_m2 else together
