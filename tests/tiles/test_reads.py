"""Reads of tiles that are not public: told at once when they begin, and summed by session, layer and area."""

from datetime import UTC, datetime, timedelta

import pytest

from blueprint.permissions import Actor, Sensitivity, Thing
from tiles.addresses import Coordinates
from tiles.reads import SUMMED_FOR, Read, ReadLog, area_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
READER = Actor("reader", "X")


def thing(layer: str) -> Thing:
    """A restricted layer of somebody else."""
    return Thing("Y", Sensitivity.RESTRICTED, layer)


class Told(list[Read]):
    """What was told, flat."""

    def __call__(self, reads: object) -> None:
        """Keep it."""
        self.extend(reads)  # type: ignore[arg-type]  # what ReadLog gives is a sequence of Read


def test_the_first_tile_is_told_before_it_is_sent_and_the_rest_in_one_sum():
    told = Told()
    log = ReadLog(told)
    for y in range(5):
        log.note(READER, "s1", thing("SECRET"), 2, Coordinates(14, 13800, 6100 + y), NOW)
    assert [(r.thing.layer, r.version, r.count) for r in told] == [("SECRET", 2, 1)]

    log.note(READER, "s2", thing("OTHER"), 1, Coordinates(14, 13800, 6100), NOW + SUMMED_FOR)

    assert sorted((r.thing.layer, r.count, r.began) for r in told[1:]) == [
        ("OTHER", 1, NOW + SUMMED_FOR),
        ("SECRET", 4, NOW),
    ]


def test_sessions_layers_versions_and_areas_are_summed_apart():
    told = Told()
    log = ReadLog(told)
    here, there = Coordinates(14, 13800, 6100), Coordinates(14, 13900, 6100)
    for reader, layer, version, at in (
        ("s1", "A", 1, here),
        ("s2", "A", 1, here),
        ("s1", "B", 1, here),
        ("s1", "A", 2, here),
        ("s1", "A", 1, there),
    ):
        log.note(READER, reader, thing(layer), version, at, NOW)
    assert len(told) == 5


def test_what_is_summed_is_told_at_the_end():
    told = Told()
    log = ReadLog(told)
    for _ in range(3):
        log.note(READER, "s1", thing("A"), 1, Coordinates(12, 3400, 1500), NOW)
    log.close()
    log.close()
    assert [r.count for r in told] == [1, 2]


def test_a_read_that_cannot_be_told_is_not_sent_and_not_forgotten():
    broken = True
    told = Told()

    def tell(reads: object) -> None:
        if broken:
            raise OSError("the database is away")
        told(reads)

    log = ReadLog(tell)
    at = Coordinates(14, 13800, 6100)
    with pytest.raises(OSError, match="away"):
        log.note(READER, "s1", thing("A"), 1, at, NOW)
    broken = False
    log.note(READER, "s1", thing("A"), 1, at, NOW + timedelta(seconds=1))
    assert [r.count for r in told] == [1]


@pytest.mark.parametrize(
    ("at", "area"),
    [
        (Coordinates(14, 13800, 6100), "10/862/381"),
        (Coordinates(10, 862, 381), "10/862/381"),
        (Coordinates(8, 215, 95), "8/215/95"),
    ],
)
def test_an_area_is_a_tile_of_zoom_ten_at_most(at: Coordinates, area: str):
    assert area_of(at) == area
