"""What if (试算): a check as if other versions of some layers applied than those in force, drafts among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.layers import catalogue
from blueprint.layers.drafts import readable_version
from blueprint.layers.models import GeometryKind
from blueprint.permissions import Actor
from blueprint.snapshot import Snapshot, with_version
from coordination.check_report import CheckReport

MAX_ASSUMED = 20


@dataclass(frozen=True)
class Assumed:
    """A version of a layer that is to apply."""

    layer: str
    number: int

    def __str__(self) -> str:
        return f"{self.layer} v{self.number}"


def read_assumed(texts: Sequence[str]) -> tuple[Assumed, ...]:
    """What is to apply, written as `CODE:N`; InvalidInputError for anything else, or a layer twice."""
    if len(texts) > MAX_ASSUMED:
        raise InvalidInputError("at most {max_assumed} versions are assumed at once", max_assumed=MAX_ASSUMED)
    found = []
    for text in texts:
        code, colon, number = text.rpartition(":")
        if not colon or not number.isascii() or not number.isdigit() or not 0 < int(number) < 1_000_000:
            raise InvalidInputError(
                "{text!r} names no version of a layer; write the layer's code and the number, as PLAN:3",
                text=text[:80],
            )
        found.append(Assumed(code, int(number)))
    if len({assumed.layer for assumed in found}) < len(found):
        raise InvalidInputError("a layer is named twice; one version of it is assumed")
    return tuple(found)


def suppose(session: Session, snapshot: Snapshot, assumed: Sequence[Assumed], *, actor: Actor) -> Snapshot:
    """The blueprint of a day with these versions in place of their layers'; a draft is for who may bring it into force."""
    layers = snapshot.layers
    for each in assumed:
        layer = catalogue.find_readable(session, each.layer, actor)
        if layer.geometry == GeometryKind.RASTER:
            raise InvalidInputError(
                "{layer} is a raster layer; another version of it cannot be assumed", layer=each.layer
            )
        version = readable_version(session, layer, each.number, actor)
        layers = with_version(layers, version, starts_on=snapshot.day)
    return Snapshot(snapshot.day, layers)


def as_supposed(report: CheckReport, assumed: Sequence[Assumed]) -> CheckReport:
    """The report, which says that it is none of the blueprint in force."""
    if not assumed:
        return report
    names = "、".join(map(str, assumed))
    note = f"试算：假定 {names} 适用，并非现行蓝图 as if {names} applied: not the blueprint in force"
    return replace(report, notes=(note, *report.notes), assumed=tuple(map(str, assumed)))
