"""The footprints of a batch, one a feature of a dataset, read in the confined child process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import shapely

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import MAX_MENDED_M2, placed_site
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.reading import ReadingRequest, StagedFile, reading
from blueprint.layers.storing import judge_reading
from blueprint.sentences import Sentence, sentence_from
from blueprint.strip import grow
from coordination.heights import checked_top_m
from coordination.use_matrix import use_code

MAX_SITES = 10_000


@dataclass(frozen=True)
class BatchSite:
    """One footprint: its place in the file, what it is called, its shape as WKB (working CRS), its planned use, its highest point (m)."""

    number: int
    name: str
    shape: bytes
    planned_use: str | None
    top_m: float | None = None


@dataclass(frozen=True)
class BatchRequest:
    """What is said of the file: its CRS where it does not say it, the width of lines and points, the fields of names, uses and highest points."""

    crs: str | None = None
    sublayer: str | None = None
    width_m: float | None = None
    name_field: str | None = None
    use_field: str | None = None
    top_field: str | None = None


@dataclass(frozen=True)
class BatchFile:
    """The sites of a file, and what was said while reading it; `left_out` features are none, each named in the notes."""

    sites: tuple[BatchSite, ...]
    source_crs: str
    operation: str
    notes: tuple[str, ...]
    left_out: int = 0


def read_sites(file: StagedFile, request: BatchRequest, *, city: City) -> BatchFile:
    """Every feature of a dataset as a site of its own; InvalidInputError says what is wrong with the file.

    Invalid shapes are mended as footprints are. A feature that no single check would take (it cannot be mended, lies outside
    the city, has another height than metres) or that has no shape is left out, and a note names it; where that are all of
    them, the file is refused.
    """
    kind = "line" if request.width_m is not None else "polygon"
    asked = ReadingRequest(
        geometry=kind,
        working_crs=city.working_crs,
        working_srid=city.working_srid,
        surroundings=jurisdiction(city).surroundings,
        crs=request.crs,
        sublayer=request.sublayer,
        tolerance_m2=MAX_MENDED_M2,
        leave_out_faulty=True,
    )
    sites: list[BatchSite] = []
    notes: list[str] = []
    faults: list[tuple[int, Sentence]] = []
    with reading(file, asked) as opened:
        for batch in opened.batches:
            rows = batch.to_pylist()
            if len(sites) + len(rows) > MAX_SITES:
                raise InvalidInputError(
                    "the file has more than {max_sites:,} footprints; split it", max_sites=MAX_SITES
                )
            shapes = np.array([shapely.from_wkb(row["geom"]) for row in rows], dtype=object)
            for row, shape in zip(rows, shapes, strict=True):
                number = int(row["feature_id"])
                try:
                    site, told = _site(row, shape, request, city)
                except InvalidInputError as error:
                    faults.append((number, error.sentence))
                    continue
                sites.append(site)
                notes += [_note(number, note) for note in told]
    report = opened.report
    if not sites or report["error_count"] == 0:
        judge_reading(report, kind="file", city=city)
    known = set(report["fields"])
    for field in (request.name_field, request.use_field, request.top_field):
        if field is not None and field not in known:
            raise InvalidInputError(
                "the file has no field {field!r}; it has: {known}", field=field, known=sorted(known)
            )
    said = [
        (issue["feature"], sentence_from(issue["said"]), issue["severity"] == "error")
        for issue in report["issues"]
        if issue["feature"] is not None
    ]
    faults += [(number, sentence) for number, sentence, is_fault in said if is_fault]
    if not sites:
        number, sentence = min(faults, key=lambda fault: fault[0])
        raise InvalidInputError("feature {number}: {fault}", number=number, fault=sentence)
    named = [
        f"第 {number} 个图斑未检查：{sentence.chinese} feature {number} is not checked: {sentence.english}"
        for number, sentence in sorted(faults, key=lambda fault: fault[0])
    ]
    notes = [
        *named,
        *notes,
        *(
            f"第 {number} 个图斑：{sentence.chinese} feature {number}: {sentence.english}"
            for number, sentence, is_fault in said
            if not is_fault
        ),
    ]
    return BatchFile(
        tuple(sites),
        report["source_crs"],
        report["operation"],
        tuple(notes),
        report["row_count"] - len(sites),
    )


def _note(number: int, note: str) -> str:
    return f"第 {number} 个图斑 feature {number}：{note}"


def _site(
    row: Mapping[str, Any], shape: shapely.Geometry, request: BatchRequest, city: City
) -> tuple[BatchSite, tuple[str, ...]]:
    """A site, and what is to be said of it; InvalidInputError where it is none that a single check would take."""
    attributes = orjson.loads(row["attributes"])
    name = attributes.get(request.name_field) if request.name_field is not None else None
    use = attributes.get(request.use_field) if request.use_field is not None else None
    grown, _ = grow(np.array([shape], dtype=object), request.width_m)
    placed = placed_site(polygonal(shapely.union_all(grown)), city=city)
    top_m = _top_m(attributes.get(request.top_field)) if request.top_field is not None else None
    code = use_code(str(use)) if use is not None else None
    notes = placed.notes
    if use is not None and code is None and str(use).strip():
        notes = (
            *notes,
            f"“{use}”不以用途代码开头，按未给出拟用途从严检查 {use!r} begins with no class code: checked as without a planned use",
        )
    site = BatchSite(
        number=int(row["feature_id"]),
        name=str(name)[:200] if name is not None else str(row["feature_id"]),
        shape=shapely.to_wkb(placed.geometry),
        planned_use=code,
        top_m=top_m,
    )
    return site, notes


def _top_m(value: Any) -> float | None:
    """The elevation of a site's highest point as its field has it; what is empty is not known, and counts as the strictest."""
    if value is None or str(value).strip() == "":
        return None
    try:
        return checked_top_m(float(value))
    except (TypeError, ValueError, InvalidInputError) as error:
        raise InvalidInputError(
            "{value!r} is no elevation of a highest point, in metres", value=value
        ) from error
