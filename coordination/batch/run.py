"""Running a batch: the sites, near ones together, are checked by processes that each have a connection of their own.

Every site is checked by `run_check`, the check that a single call makes: same rules, same digest, same rights, same record. What the layers say
is read and cut for a chunk of sites at once (`blueprint.overlay_together`): figures agree with a single call's to the rounding of coordinates.
"""

import gc
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import OBJECTS, make_engine
from blueprint.footprint import Footprint
from blueprint.overlay import Known
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import Snapshot, take_snapshot
from blueprint.wall import enter, viewer_of
from coordination.batch.sites import BatchFile, BatchSite
from coordination.check_report import CheckReport
from coordination.checks import asked_of, run_check
from coordination.rule_sets import RuleSet
from coordination.rules import Outcome

CHUNK = 50
"""So many sites are one task of a process, and one transaction."""

FEW_CHUNKS = 8
"""So many are checked sooner in this process than others are started: a new Python imports for seconds."""

_CURVE_BITS = 12
_MANY_NEW = 200_000

Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class LayerMet:
    """A layer that a site meets: control, and what the site shares with it."""

    code: str
    title: str
    department: str
    control: str
    overlap_m2: float
    overlap_share: float
    length_m: float
    point_count: int


@dataclass(frozen=True)
class SiteAnswer:
    """What the check says of one site, in short; areas by the city's measure in m²."""

    number: int
    name: str
    planned_use: str | None
    verdict: str
    area_m2: float
    prohibited_m2: float
    restricted_m2: float
    advised_m2: float
    conflict_free_m2: float
    layers: tuple[LayerMet, ...]
    restricted: tuple[str, ...]
    outside_coverage: tuple[str, ...]
    digest: str
    top_m: float | None = None
    failed: tuple[str, ...] = ()
    """Layers that could not be asked, as their files cannot be read."""
    restricted_withheld: bool = False
    """Whether restricted layers were not asked, as the reader's answers of the day are used up."""


@dataclass(frozen=True)
class _Setting:
    """What a process is started with."""

    url: str
    objects: Path | None
    city: City
    actor: Actor
    on: date
    source_crs: str
    operation: str
    rule_set: RuleSet | None


def check_sites(
    engine: Engine,
    file: BatchFile,
    *,
    city: City,
    actor: Actor,
    on: date,
    rule_set: RuleSet | None = None,
    workers: int | None = None,
    tell: Tell = lambda _phase, _done: None,
) -> tuple[SiteAnswer, ...]:
    """Check every site against the blueprint of a day, in the order of the file; what the actor may not read is not told.

    `rule_set` is that of the day when the batch began: another may be put in force while it runs.
    """
    require(actor, Act.CHECK_FOOTPRINT)
    setting = _Setting(
        engine.url.render_as_string(hide_password=False),
        engine.get_execution_options().get(OBJECTS),
        city,
        actor,
        on,
        file.source_crs,
        file.operation,
        rule_set,
    )
    ordered = _near_together(file.sites)
    chunks = [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
    answers: list[SiteAnswer] = []
    for found in _answers(chunks, setting, workers or _workers_for(len(chunks))):
        answers += found
        tell("check", len(answers))
    return tuple(sorted(answers, key=lambda answer: answer.number))


def _workers_for(chunks: int) -> int:
    return 1 if chunks <= FEW_CHUNKS else os.cpu_count() or 1


def _answers(
    chunks: Sequence[Sequence[BatchSite]], setting: _Setting, workers: int
) -> Iterator[list[SiteAnswer]]:
    if workers == 1 or len(chunks) == 1:
        with _Checker(setting) as checker:
            for chunk in chunks:
                yield checker.check(chunk)
        return
    # A fork of a process with threads may hang; a worker is a new Python.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(chunks)), mp_context=context, initializer=_start, initargs=(setting,)
    ) as pool:
        left = iter(chunks)
        waiting: set[Future[list[SiteAnswer]]] = set()
        try:
            while True:
                # Two a process at most: who cancels does not wait for the rest.
                for chunk in itertools.islice(left, 2 * workers - len(waiting)):
                    waiting.add(pool.submit(_check, chunk))
                if not waiting:
                    return
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Checker:
    """Checks sites on an engine of its own, against one snapshot of the day."""

    def __init__(self, setting: _Setting) -> None:
        self._setting = setting
        self._engine = make_engine(setting.url, objects=setting.objects, pool_size=1)
        self._ground: Ground | None = None
        self._snapshot: Snapshot | None = None

    def __enter__(self) -> "_Checker":
        # Thousands of shapes come and go with every chunk, none in a cycle: looking for one among them all costs a third.
        self._thresholds = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(_MANY_NEW, *self._thresholds[1:])
        return self

    def __exit__(self, *_: object) -> None:
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
        self._engine.dispose()

    def check(self, sites: Sequence[BatchSite]) -> list[SiteAnswer]:
        """The answers for some sites, in one transaction."""
        setting = self._setting
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            enter(session, viewer_of(setting.actor))
            if self._snapshot is None or self._ground is None:
                self._snapshot = take_snapshot(session, setting.on)
                asked = asked_of(self._snapshot.layers, actor=setting.actor, on=setting.on)
                self._ground = Ground(session, asked, city=setting.city)
            shapes: list[Any] = list(shapely.from_wkb([site.shape for site in sites]))
            known = overlay_together(session, shapes, self._ground)
            return [
                _in_short(site, self._report(session, site, shape, self._snapshot, each))
                for site, shape, each in zip(sites, shapes, known, strict=True)
            ]

    def _report(
        self,
        session: Session,
        site: BatchSite,
        shape: shapely.MultiPolygon,
        snapshot: Snapshot,
        known: Known | None,
    ) -> CheckReport:
        setting = self._setting
        footprint = Footprint(
            shape, setting.source_crs, setting.operation, planned_use=site.planned_use, top_m=site.top_m
        )
        return run_check(
            session,
            footprint,
            city=setting.city,
            actor=setting.actor,
            on=setting.on,
            snapshot=snapshot,
            rule_set=setting.rule_set,
            known=known,
        )


def _in_short(site: BatchSite, report: CheckReport) -> SiteAnswer:
    return SiteAnswer(
        number=site.number,
        name=site.name,
        planned_use=site.planned_use,
        verdict=str(report.verdict),
        area_m2=report.footprint.area_m2,
        prohibited_m2=report.ledger.prohibited_m2,
        restricted_m2=report.ledger.restricted_m2,
        advised_m2=report.ledger.advised_m2,
        conflict_free_m2=report.ledger.conflict_free_m2,
        layers=tuple(
            LayerMet(
                layer.code,
                layer.title,
                layer.department,
                layer.control,
                layer.overlap_m2 or 0.0,
                layer.overlap_share or 0.0,
                layer.length_m or 0.0,
                layer.point_count or 0,
            )
            for layer in report.layers
            if layer.outcome is Outcome.CONFLICT
        ),
        restricted=tuple(conflict.department for conflict in report.restricted_conflicts),
        outside_coverage=tuple(
            layer.code for layer in report.layers if layer.outcome is Outcome.OUTSIDE_COVERAGE
        ),
        digest=report.digest,
        failed=report.failed_layers,
        top_m=site.top_m,
        restricted_withheld=not report.has_answers_left,
    )


_of_process: list[_Checker] = []
_kept_open = ExitStack()


def _start(setting: _Setting) -> None:
    _of_process.append(_kept_open.enter_context(_Checker(setting)))


def _check(sites: Sequence[BatchSite]) -> list[SiteAnswer]:
    return _of_process[0].check(sites)


def _near_together(sites: Sequence[BatchSite]) -> list[BatchSite]:
    """The sites along a curve that keeps near ones together (Z-order): their layers' pages are read once."""
    if not sites:
        return []
    centres = shapely.get_coordinates(shapely.centroid(shapely.from_wkb([site.shape for site in sites])))
    low, high = centres.min(axis=0), centres.max(axis=0)
    cells = ((centres - low) / np.maximum(high - low, 1.0) * (2**_CURVE_BITS - 1)).astype(np.int64)
    keys = np.zeros(len(sites), dtype=np.int64)
    for bit in range(_CURVE_BITS):
        keys |= ((cells[:, 0] >> bit) & 1) << (2 * bit)
        keys |= ((cells[:, 1] >> bit) & 1) << (2 * bit + 1)
    return [sites[place] for place in np.argsort(keys, kind="stable")]
