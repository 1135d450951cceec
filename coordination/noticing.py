"""How far a site notices what changes in a layer: as far as the layer's rules go, which may be further than the change itself."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.models import ConflictWhen, Layer, LayerVersion
from blueprint.overlay import Relation
from coordination.particular_rules import farthest_m
from coordination.rule_sets import Rule
from coordination.rules_in_force import rule_set_on

EVERYWHERE_M = 1e7
"""Further than any site lies from any feature of the city."""

_OF_ONE_PLACE = (None, Relation.OVERLAPS, Relation.TOUCHES, Relation.WITHIN_DISTANCE)
"""Relations that a change elsewhere in a feature leaves as they are."""


@dataclass(frozen=True)
class Noticing:
    """What the statements of `recheck.sql` are asked with: `beyond_m` from a change a site notices it.

    `goes_by_shape`: a site anywhere in a feature notices that its shape changed, wherever that was.
    """

    old: int | None
    new: int | None
    beyond_m: float
    goes_by_shape: bool

    def values(self) -> dict[str, float | None]:
        """As values to bind."""
        return asdict(self)


def noticing(
    session: Session, old: LayerVersion | None, new: LayerVersion | None, *, city: City, on: date
) -> Noticing:
    """How sites notice that one version of a layer follows another, by its rules in the set in force then; None is no version at all."""
    versions = [version for version in (old, new) if version is not None]
    rule_set = rule_set_on(session, city, on)
    rules = rule_set.of_layer(versions[0].layer.code) if rule_set is not None else ()
    is_everywhere = len(versions) == 1 and _asks_beyond_features(versions[0].layer, rules)
    beyond_m = 0.0
    if any(rule.reach is not None for rule in rules):
        beyond_m = max(farthest_m(session, version.id, rules) for version in versions)
    return Noticing(
        old=old.id if old is not None else None,
        new=new.id if new is not None else None,
        beyond_m=EVERYWHERE_M if is_everywhere else beyond_m,
        goes_by_shape=any(
            rule.relation not in _OF_ONE_PLACE or (rule.height is not None and rule.height.slope_field)
            for rule in rules
        ),
    )


def steps(
    old: LayerVersion | None, new: LayerVersion | None, *, on: date
) -> Iterator[tuple[LayerVersion | None, LayerVersion | None]]:
    """The successions that sites notice where a version follows another on a day.

    One that is past its term then is not asked any more: what was found by it ends everywhere, and what the other finds begins.
    """
    both = (old, new)
    if None in both or not any(version is not None and _is_past(version, on) for version in both):
        yield both
        return
    yield old, None
    yield None, new


def _is_past(version: LayerVersion, on: date) -> bool:
    """Whether a version is no longer relied on: the plan's own end, or the day by which it was to be reviewed, has passed."""
    return any(day is not None and day < on for day in (version.valid_until, version.review_by))


def _asks_beyond_features(layer: Layer, rules: Sequence[Rule]) -> bool:
    """Whether what lies off all features is a finding: then a layer that begins or ends concerns every site."""
    return layer.conflict_when == ConflictWhen.OUTSIDE or any(rule.gap is not None for rule in rules)
