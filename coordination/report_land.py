"""What land a footprint takes, by class of land use (占用耕地、林地、建设用地 …): the area table of a report."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.layers.models import Layer
from blueprint.standards.loading import standards
from coordination.check_report import CheckReport
from coordination.report_maps import land_use_code
from coordination.report_words import LAND_WORDS


@dataclass(frozen=True)
class LandTaken:
    """The area of one class in one layer, m²: a plain sum over its features."""

    layer: str
    layer_title: str
    code: str
    title: str
    land_class: str
    overlap_m2: float
    overlap_share: float


def land_taken(session: Session, report: CheckReport) -> tuple[LandTaken, ...]:
    """The footprint's area by class, in every layer that is classed by the land-use standard; empty where there is none."""
    findings = [finding for finding in report.findings if finding.overlap_m2 > 0]
    classed = select(Layer).where(
        Layer.code.in_({finding.layer for finding in findings}), Layer.symbology.is_not(None)
    )
    taken = []
    for layer in session.scalars(classed.order_by(Layer.code)):
        edition = standards().land_use[(layer.symbology or "").removeprefix("land_use_")]
        sums: dict[str, float] = defaultdict(float)
        for finding in findings:
            if finding.layer == layer.code:
                code = land_use_code(finding.attributes, layer.class_field, edition)
                sums[code or ""] += finding.overlap_m2
        for code, area in sorted(sums.items(), key=lambda item: -item[1]):
            known = edition.get(code)
            taken.append(
                LandTaken(
                    layer=layer.code,
                    layer_title=layer.title,
                    code=code or "—",
                    title=known.title if known else "未注明 not said",
                    land_class=LAND_WORDS[known.land_class][0] if known else "—",
                    overlap_m2=area,
                    overlap_share=min(1.0, area / report.footprint.area_m2),
                )
            )
    return tuple(taken)
