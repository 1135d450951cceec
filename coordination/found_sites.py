"""What a search for sites has found: places, candidates that are ranked, and how far it is, as another attempt goes on from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import shapely

from coordination.check_report import CheckReport
from coordination.free_places import Place

MAX_RANKED = 400
"""So many of the best candidates are kept: ten times the places that are named at most, and more."""


@dataclass(frozen=True)
class FoundSite:
    """A place for the site (working CRS): its check, how compact it is (1 is a disc), how large the free ground around it in its window."""

    site: shapely.MultiPolygon
    report: CheckReport
    compactness: float
    free_m2: float


@dataclass(frozen=True)
class Search:
    """What a search found, the best first; `free_m2` is all free ground (plane), also where no such site fits.

    `candidates` are the places that were ranked, of all windows together; in `full_windows` as many were looked at as may be, so that a
    better one may be left there. `windows_done` of the `tiles` were searched: where they are fewer, the search was not finished, and what
    it found is checked against the layers alone that the actor may read.
    """

    sites: tuple[FoundSite, ...]
    searched_m2: float
    free_m2: float
    tiles: int
    candidates: int
    full_windows: int
    windows_done: int

    @property
    def is_finished(self) -> bool:
        """Whether all windows were searched, and what was found is ranked among all."""
        return self.windows_done == self.tiles


@dataclass(frozen=True)
class Candidate:
    """A place with the share of it that what is not kept off takes."""

    place: Place
    soft_share: float

    @property
    def standing(self) -> tuple[float, ...]:
        """What candidates are ranked by: what else weighs, compactness, and of equal ones where they lie."""
        return round(self.soft_share, 4), -round(self.place.compactness, 4), *self.place.site.bounds[:2]


def soft_share(report: CheckReport) -> float:
    """The share of a place that controls take, by its ledger: of one that was found, those that are not kept off."""
    ledger = report.ledger
    return (ledger.prohibited_m2 + ledger.restricted_m2 + ledger.advised_m2) / report.footprint.area_m2


@dataclass(frozen=True)
class Rooms:
    """Of a block: the numbers of the windows that room reaches into, the free ground of the others, the room on which nothing weighs (m²)."""

    windows: Sequence[int]
    poor_m2: float
    mild_m2: float


@dataclass
class Done:
    """How far a search is: of which blocks the rooms are known, which were searched, the best candidates and how many there were."""

    of: str
    rooms: list[Rooms] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    count: int = 0
    free_m2: float = 0.0
    full_windows: int = 0

    def add(self, found: Iterable[Candidate]) -> None:
        """Rank more candidates; equal ones by where they lie, whichever block came first."""
        new = list(found)
        self.count += len(new)
        self.candidates = sorted([*self.candidates, *new], key=lambda each: each.standing)[:MAX_RANKED]

    def search(self, sites: Sequence[FoundSite], searched_m2: float, tiles: int, windows_done: int) -> Search:
        """What was found, as the outside is told."""
        return Search(
            tuple(sites), searched_m2, self.free_m2, tiles, self.count, self.full_windows, windows_done
        )

    def as_json(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        ranked = [
            [
                shapely.to_wkb(each.place.site, hex=True),
                each.place.compactness,
                each.place.free_m2,
                each.soft_share,
            ]
            for each in self.candidates
        ]
        return {
            "of": self.of,
            "rooms": [asdict(rooms) for rooms in self.rooms],
            "blocks": list(self.blocks),
            "candidates": ranked,
            "count": self.count,
            "free_m2": self.free_m2,
            "full_windows": self.full_windows,
        }


def resumed(kept: Mapping[str, Any] | None, of: str) -> Done:
    """What an earlier attempt had done, of the same versions and rules; else nothing."""
    if kept is None or kept["of"] != of:
        return Done(of)
    ranked = [
        Candidate(Place(shapely.from_wkb(wkb), compactness, free_m2), share)
        for wkb, compactness, free_m2, share in kept["candidates"]
    ]
    rooms = [Rooms(**each) for each in kept["rooms"]]
    return Done(of, rooms, list(kept["blocks"]), ranked, kept["count"], kept["free_m2"], kept["full_windows"])
