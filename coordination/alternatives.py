"""Alternatives side by side (方案比选): several sites for one project, each checked, and which of them stands best."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import take_snapshot
from coordination.check_report import CheckReport, LayerResult, given_to
from coordination.checks import run_check
from coordination.rules import Outcome, Severity
from coordination.trim import refuse_failed

MAX_SITES = 10
RANKING = (
    "先比最重管控，再比禁止、限制、建议面积占用地的比例，由小到大"
    " the mildest verdict first, then the smallest shares prohibited, restricted and advised"
)


@dataclass(frozen=True)
class Alternative:
    """One of the sites with its report; `rank` 1 stands best, equal ones share a rank."""

    name: str
    footprint: Footprint
    report: CheckReport
    rank: int


@dataclass(frozen=True)
class LayerRow:
    """What one layer that is met by any of the sites says of each of them, in their order."""

    code: str
    title: str
    department: str
    results: tuple[LayerResult, ...]


def compare_sites(
    session: Session,
    sites: Sequence[tuple[str, Footprint]],
    *,
    city: City,
    actor: Actor,
    on: date,
    now: datetime,
    with_shapes: bool = False,
) -> tuple[Alternative, ...]:
    """Check every site against the blueprint of one day and rank them; nothing is kept. Names must differ."""
    require(actor, Act.CHECK_FOOTPRINT)
    names = [name for name, _ in sites]
    if not 2 <= len(sites) <= MAX_SITES:
        raise InvalidInputError(
            "from 2 to {max_sites} sites are compared, not {count}", max_sites=MAX_SITES, count=len(sites)
        )
    if len(set(names)) < len(names):
        raise InvalidInputError("two sites have the same name; give each its own")
    snapshot = take_snapshot(session, on)
    reports = [
        given_to(
            run_check(
                session, site, city=city, actor=actor, on=on, with_shapes=with_shapes, snapshot=snapshot
            ),
            actor,
            now,
        )
        for _, site in sites
    ]
    for report in reports:
        refuse_failed(report)
    keys = [_standing(report) for report in reports]
    return tuple(
        Alternative(name, site, report, rank=1 + sum(other < key for other in keys))
        for (name, site), report, key in zip(sites, reports, keys, strict=True)
    )


def _standing(report: CheckReport) -> tuple[float, ...]:
    """What sites are ranked by, the smaller the better; shares to a millionth, so that noise decides nothing."""
    ledger, area_m2 = report.ledger, report.footprint.area_m2
    pieces = (ledger.prohibited_m2, ledger.restricted_m2, ledger.advised_m2)
    worst_first = list(Severity).index(report.verdict)
    return (-worst_first, *(round(piece / area_m2, 6) for piece in pieces))


def layer_rows(alternatives: Sequence[Alternative]) -> tuple[LayerRow, ...]:
    """The layers that any site meets, side by side."""
    by_code = [{layer.code: layer for layer in a.report.layers} for a in alternatives]
    met = [
        layer.code
        for layer in alternatives[0].report.layers
        if any(layers[layer.code].outcome is Outcome.CONFLICT for layers in by_code)
    ]
    return tuple(
        LayerRow(
            code=code,
            title=by_code[0][code].title,
            department=by_code[0][code].department,
            results=tuple(layers[code] for layers in by_code),
        )
        for code in met
    )


def to_json(alternatives: Sequence[Alternative]) -> dict[str, Any]:
    """The comparison as plain JSON: every site's figures and its whole report."""
    return {
        "ranking": RANKING,
        "best": [a.name for a in alternatives if a.rank == 1],
        "alternatives": [
            {"name": a.name, "rank": a.rank, "verdict": str(a.report.verdict), "report": a.report.to_json()}
            for a in alternatives
        ],
        "layers": [
            {
                "code": row.code,
                "title": row.title,
                "department": row.department,
                "results": [
                    {
                        "name": a.name,
                        "outcome": result.outcome,
                        "control": result.control,
                        "overlap_m2": result.overlap_m2,
                        "overlap_share": result.overlap_share,
                        "length_m": result.length_m,
                        "point_count": result.point_count,
                    }
                    for a, result in zip(alternatives, row.results, strict=True)
                ],
            }
            for row in layer_rows(alternatives)
        ],
    }
