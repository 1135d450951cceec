"""Issues as the check finds them: bounded lists, unbounded counts."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from blueprint.quality.kinds import Level, kinds

MAX_LISTED = 1000
"""So many issues of a kind are listed with their places; the rest is counted."""


@dataclass(frozen=True)
class Issue:
    """One issue: its kind and level, features by their numbers in the file, the values its text needs, its place."""

    kind: str
    level: Level
    feature: int | None = None
    other: int | None = None
    field: str | None = None
    value: str | None = None
    params: dict[str, Any] = dataclasses.field(default_factory=dict)
    place: BaseGeometry | None = None


@dataclass
class Issues:
    """What was found so far. Without a standard nothing is forbidden, so that its errors are warnings."""

    is_strict: bool
    listed: list[Issue] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    levels: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(
        self,
        kind: str,
        feature: int | None = None,
        *,
        other: int | None = None,
        field: str | None = None,
        value: object = None,
        place: BaseGeometry | None = None,
        is_unsure: bool = False,
        **params: Any,
    ) -> None:
        """Note an issue; an error of an entry that the standard's own source leaves unsure is a warning."""
        level = kinds()[kind].level
        if level is Level.ERROR and (is_unsure or not self.is_strict):
            level = Level.WARNING
        self.counts[kind] += 1
        self.levels[level] += 1
        if self.counts[kind] > MAX_LISTED:
            return
        shown = None if value is None else str(value)[:200]
        values = {"other": other, "field": field, "value": shown} | params
        self.listed.append(
            Issue(
                kind=kind,
                level=level,
                feature=feature,
                other=other,
                field=field,
                value=shown,
                params={name: item for name, item in values.items() if item is not None},
                place=place,
            )
        )

    def has_room(self, kind: str) -> bool:
        """Say whether another issue of a kind would be listed."""
        return self.counts[kind] < MAX_LISTED

    def left_out(self) -> Iterator[Issue]:
        """One issue for every kind of which not all are listed."""
        for kind, count in self.counts.items():
            if count > MAX_LISTED:
                yield Issue("more-issues", Level.INFO, value=kind, params={"count": count - MAX_LISTED})
