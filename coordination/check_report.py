"""What a check says (检查报告): layers, findings, ledger, and whom it was given to; as the JSON of the contract."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from shapely.geometry.base import BaseGeometry

from blueprint.errors import UnavailableError
from blueprint.overlay import ENGINE, Ledger, SiteMeasures
from blueprint.permissions import Actor, Grant
from blueprint.strip import Strip
from coordination.masking import RestrictedConflict
from coordination.rule_words import RuleTold
from coordination.rules import Outcome, Severity


class LayerResult(NamedTuple):
    """What one layer says; figures are None where it was not asked. `overlap_m2`, `length_m` measure the overlaps' union."""

    code: str
    title: str
    title_en: str | None
    department: str
    version: int | None
    control: str
    basis: str | None
    feature_count: int | None
    sliver_count: int | None
    overlap_m2: float | None
    overlap_sum_m2: float | None
    overlap_share: float | None
    length_m: float | None
    point_count: int | None
    outcome: Outcome
    raster: Mapping[str, Any] | None = None
    """What the pixels of a raster layer say under the footprint."""
    uncovered_m2: float | None = None
    """What of the footprint the layer leaves open, where its rule makes that a finding and there is any."""


class Finding(NamedTuple):
    """One conflict (冲突): a feature of a layer and what the footprint shares with it."""

    layer: str
    version: int
    feature_id: int | None
    source_id: str | None
    control: str
    severity: Severity
    relation: str
    overlap_m2: float
    overlap_share: float
    feature_share: float | None
    length_m: float
    point_count: int
    distance_m: float
    sliver: bool
    sliver_width_m: float | None
    sliver_cause: str | None
    attributes: Mapping[str, Any]
    basis: str | None
    shape: BaseGeometry | None = None
    crossing_m: float | None = None
    """How long the centre line of a linear work runs in it; None where the footprint is an area."""
    control_reason: str | None = None
    """Why this feature has this control or this zone, where its attributes decide; None where the layer's holds."""
    rule: str | None = None
    """The id of the rule that it falls under; None where the catalogue's control holds."""
    department: str | None = None
    """Who answers for it by that rule; None: the layer's department."""


@dataclass(frozen=True)
class Reader:
    """Whom a report was given to, when, and on which grants it tells of others' layers: no part of the digest."""

    account: str
    department: str | None
    at: datetime
    grants: tuple[Grant, ...]

    def to_json(self) -> dict[str, Any]:
        """The reader as plain JSON values."""
        grants = [{"number": g.number, "layer": g.layer, "purpose": g.purpose} for g in self.grants]
        at = self.at.isoformat(timespec="seconds")
        return {"account": self.account, "department": self.department, "at": at, "grants": grants}


@dataclass(frozen=True)
class CheckReport:
    """The report of a check; the same footprint, versions, rules and engine give the same `digest`."""

    digest: str
    working_crs: str
    area_measure: str
    on: date
    rule_set: str
    verdict: Severity
    footprint: SiteMeasures
    ledger: Ledger
    layers: tuple[LayerResult, ...]
    findings: tuple[Finding, ...]
    source_crs: str
    operation: str
    notes: tuple[str, ...]
    strip: Strip | None = None
    has_hidden_layers: bool = False
    has_answers_left: bool = True
    restricted_conflicts: tuple[RestrictedConflict, ...] = ()
    check_id: str | None = None
    reader: Reader | None = None
    assumed: tuple[str, ...] = ()
    """Versions that were assumed to apply; empty for the blueprint in force."""
    planned_use: str | None = None
    top_m: float | None = None
    """The elevation of the project's highest point, where it was given (1985 datum)."""
    rule_set_sha256: str | None = None
    """Of the file of the rule set, which is kept; None where the city has none."""
    rules: tuple[RuleTold, ...] = ()
    unsigned_rules: tuple[str, ...] = ()

    @property
    def failed_layers(self) -> tuple[str, ...]:
        """The codes of layers that could not be asked, as their files cannot be read."""
        return tuple(layer.code for layer in self.layers if layer.outcome is Outcome.FAILED)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values, names as in the contract."""
        return {
            "check_id": self.check_id,
            "digest": self.digest,
            "engine": ENGINE,
            "working_crs": self.working_crs,
            "area_measure": self.area_measure,
            "on": self.on.isoformat(),
            "rule_set": self.rule_set,
            "rule_set_sha256": self.rule_set_sha256,
            "verdict": str(self.verdict),
            "footprint": vars(self.footprint)
            | {
                "source_crs": self.source_crs,
                "operation": self.operation,
                "width_m": self.strip.width_m if self.strip is not None else None,
                "centre_line_m": self.strip.centre.length if self.strip is not None else None,
            },
            "ledger": dict(vars(self.ledger)),
            "layers": [layer._asdict() for layer in self.layers],
            "findings": [_finding_json(finding) for finding in self.findings],
            "rules": [rule.to_json() for rule in self.rules],
            "unsigned_rules": list(self.unsigned_rules),
            "restricted": {
                "hidden": self.has_hidden_layers,
                "withheld": not self.has_answers_left,
                "conflicts": [
                    {"department": conflict.department, "size_class": str(conflict.size_class)}
                    for conflict in self.restricted_conflicts
                ],
            },
            "assumed": list(self.assumed),
            "planned_use": self.planned_use,
            "top_m": self.top_m,
            "notes": list(self.notes),
            "reader": self.reader.to_json() if self.reader is not None else None,
        }


def _finding_json(finding: Finding) -> dict[str, Any]:
    document = finding._asdict()
    del document["shape"]
    return document


def given_to(report: CheckReport, actor: Actor, now: datetime) -> CheckReport:
    """The report as a document for its reader, whom it names (Art. 17, 18)."""
    return replace(report, reader=reader_of(actor, [layer.code for layer in report.layers], now))


def reader_of(actor: Actor, codes: Iterable[str], now: datetime) -> Reader:
    """Who reads a report on these layers, with the grants that open some of them."""
    grants = (actor.grant_of(code) for code in codes)
    return Reader(actor.name, actor.department, now, tuple(grant for grant in grants if grant is not None))


def refuse_unread(layers: Sequence[str]) -> None:
    """Refuse to go on with a check for which the files of layers could not be read: what they say is not known, so nothing is free or gone."""
    if layers:
        raise UnavailableError(
            "the file of {layers} cannot be read at present, so what it says of the site is not known;"
            " restore the object folder",
            layers=tuple(layers),
        )
