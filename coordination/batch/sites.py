"""The footprints of a batch, one a feature of a dataset, read in the confined child process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import shapely

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import MAX_MENDED_M2, MAX_VERTICES
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.reading import ReadingRequest, StagedFile, reading
from blueprint.layers.storing import judge_reading
from blueprint.sentences import sentence_from
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
    """The sites of a file, and what was said while reading it."""

    sites: tuple[BatchSite, ...]
    source_crs: str
    operation: str
    notes: tuple[str, ...]


def read_sites(file: StagedFile, request: BatchRequest, *, city: City) -> BatchFile:
    """Every feature of a dataset as a site of its own; InvalidInputError says what is wrong with the file.

    Invalid shapes are mended as footprints are; a feature that cannot be is named, and the file refused as a whole. One
    without a shape is left out, and a note names it.
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
    )
    sites: list[BatchSite] = []
    with reading(file, asked) as opened:
        for batch in opened.batches:
            rows = batch.to_pylist()
            if len(sites) + len(rows) > MAX_SITES:
                raise InvalidInputError(
                    "the file has more than {max_sites:,} footprints; split it", max_sites=MAX_SITES
                )
            shapes = np.array([shapely.from_wkb(row["geom"]) for row in rows], dtype=object)
            for row, shape in zip(rows, shapes, strict=True):
                sites.append(_site(row, shape, request))
    report = opened.report
    judge_reading(report, kind="file", city=city)
    known = set(report["fields"])
    for field in (request.name_field, request.use_field, request.top_field):
        if field is not None and field not in known:
            raise InvalidInputError(
                "the file has no field {field!r}; it has: {known}", field=field, known=sorted(known)
            )
    notes = tuple(
        f"第 {issue['feature']} 个图斑：{sentence_from(issue['said']).chinese} feature {issue['feature']}: {issue['message']}"
        for issue in report["issues"]
        if issue["feature"] is not None
    )
    return BatchFile(tuple(sites), report["source_crs"], report["operation"], notes)


def _site(row: Mapping[str, Any], shape: shapely.Geometry, request: BatchRequest) -> BatchSite:
    number = int(row["feature_id"])
    attributes = orjson.loads(row["attributes"])
    name = attributes.get(request.name_field) if request.name_field is not None else None
    use = attributes.get(request.use_field) if request.use_field is not None else None
    grown, _ = grow(np.array([shape], dtype=object), request.width_m)
    site = shapely.normalize(polygonal(shapely.union_all(grown)))
    if shapely.get_num_coordinates(site) > MAX_VERTICES:
        raise InvalidInputError(
            "feature {number} has more than {max_vertices:,} vertices; simplify it",
            number=number,
            max_vertices=MAX_VERTICES,
        )
    return BatchSite(
        number=number,
        name=str(name)[:200] if name is not None else str(number),
        shape=shapely.to_wkb(site),
        planned_use=use_code(str(use)) if use is not None else None,
        top_m=_top_m(attributes.get(request.top_field), number) if request.top_field is not None else None,
    )


def _top_m(value: Any, number: int) -> float | None:
    """The elevation of a site's highest point as its field has it; what is empty is not known, and counts as the strictest."""
    if value is None or str(value).strip() == "":
        return None
    try:
        return checked_top_m(float(value))
    except (TypeError, ValueError, InvalidInputError) as error:
        raise InvalidInputError(
            "feature {number}: {value!r} is no elevation of a highest point, in metres",
            number=number,
            value=value,
        ) from error
