"""Inside the cell: check the features of one version, and say what was found, line by line.

Features lie in an Arrow file that is mapped, not read: the check holds a batch of shapes, the boxes of all features and
the loose edges, whatever the size of the layer. Standard output carries JSON lines: progress, issues, at the end counts.
"""

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.layers.confinement import drop_rights
from blueprint.layers.fields_as_text import fields_as_text
from blueprint.layers.mapped_features import FEATURES, MappedFeatures
from blueprint.layers.measuring import BOUNDS
from blueprint.layers.overlapping import may_overlap_each_other
from blueprint.quality.attributes import AttributeCheck, mark_of
from blueprint.quality.issues import MAX_LISTED, Issue, Issues
from blueprint.quality.kinds import kinds
from blueprint.quality.mapped_layer import MappedLayer
from blueprint.quality.shape_batch import ShapeBatch
from blueprint.quality.shapes import ShapeCheck, marks_of, shared_marks
from blueprint.quality.topology import Faces, faces_of, find_overlaps
from blueprint.standards.entries import FieldRole, LayerStandard, Standards
from blueprint.standards.loading import standards

OUTLINE = "outline.wkb"
COVERAGE = "coverage.wkb"


def main(request: dict[str, Any]) -> None:
    """Check the version of the request."""
    check(request, ShapeBatch, MappedLayer)


def check(request: dict[str, Any], of_batch: type[ShapeBatch], of_layer: type[MappedLayer]) -> None:
    """The same, with the shapes of areas looked at by `of_batch` and their edges summed by `of_layer`."""
    known = standards()
    kinds()
    standard = known.find(request["standard"]) if request["standard"] else None
    drop_rights(request["uid"], request["gid"])
    folder = Path(request["folder"])
    features = MappedFeatures(folder / FEATURES)
    issues = Issues(is_strict=standard is not None)
    _one_by_one(features, standard, known, request, folder, of_batch, issues)
    has_overlaps = None
    if request["is_areal"] and len(features):
        layer = of_layer(features)
        faces = faces_of(layer, tell=lambda done: _write({"step": "topology", "done": done}))
        has_overlaps = may_overlap_each_other(layer, faces)
        if standard is not None:
            coverage = _shape(folder / COVERAGE)
            _among_each_other(layer, faces, standard, known, coverage, issues)
    for issue in [*issues.listed, *issues.left_out()]:
        _write(_as_json(issue))
    _write({"levels": dict(issues.levels), "counts": dict(issues.counts), "has_overlaps": has_overlaps})


def _one_by_one(
    features: MappedFeatures,
    standard: LayerStandard | None,
    known: Standards,
    request: dict[str, Any],
    folder: Path,
    of_batch: type[ShapeBatch],
    issues: Issues,
) -> None:
    shared = shared_marks(
        np.concatenate([marks_of(boxes) for boxes in features.boxes()] or [np.empty(0, np.uint64)])
    )
    shape_check = ShapeCheck(standard, known.limits, _shape(folder / OUTLINE), shared)
    attribute_check = None
    if standard is not None:
        attribute_check = AttributeCheck(
            standard,
            known,
            request["mapping"],
            frozenset(request["city_codes"]),
            _repeated_identifiers(features, standard, request["mapping"]),
        )
        attribute_check.check_fields(request["fields"], issues)
    done = 0
    for batch in features.batches:
        numbers = batch.column("feature_id").to_numpy()
        made = of_batch if request["is_areal"] else ShapeBatch
        shapes = made(
            numbers, batch.column("geom"), np.column_stack([batch.column(side).to_numpy() for side in BOUNDS])
        )
        shape_check.check(shapes, issues, is_areal=request["is_areal"])
        if attribute_check is not None:
            areas = batch.column("ellipsoid_m2").to_pylist()
            texts = batch.column("attributes").to_pylist()
            for row, (number, text, area) in enumerate(zip(numbers.tolist(), texts, areas, strict=True)):
                attribute_check.check(number, json.loads(text), area, partial(_point_on, shapes, row), issues)
        features.forget()
        done += batch.num_rows
        _write({"step": "features", "done": done})


def _repeated_identifiers(
    features: MappedFeatures, standard: LayerStandard, mapping: Mapping[str, str]
) -> frozenset[int]:
    """The marks of those that several features have: of a million others eight bytes each are held, and only here."""
    fields = {
        mapping[entry.name]
        for entry in standard.fields
        if entry.role is FieldRole.SOURCE_ID and entry.name in mapping
    }
    marks = [
        np.fromiter((mark_of(text.strip()) for text in texts.drop_null().to_pylist()), np.uint64)
        for attributes in features.texts("attributes")
        for texts in (fields_as_text(attributes, fields).values() if fields else ())
    ]
    return frozenset(shared_marks(np.concatenate(marks or [np.empty(0, np.uint64)])).tolist())


def _point_on(batch: ShapeBatch, row: int) -> BaseGeometry:
    shape: BaseGeometry = batch.take(np.array([row]))[0]
    return shape.representative_point()


def _among_each_other(
    layer: MappedLayer,
    faces: Faces | None,
    standard: LayerStandard,
    known: Standards,
    coverage: BaseGeometry | None,
    issues: Issues,
) -> None:
    """Overlaps, gaps and what of the declared coverage is not covered, where the standard forbids them."""
    if standard.forbids_overlaps:
        for pair in find_overlaps(layer, faces):
            if pair.area_m2 > known.limits["overlap_m2"].value:
                issues.add(
                    "overlap",
                    layer.number(pair.right),
                    other=layer.number(pair.left),
                    place=pair.shape,
                    area_m2=round(pair.area_m2, 4),
                )
                if issues.counts["overlap"] > 10 * MAX_LISTED:
                    break
    if not standard.covers_all:
        return
    if faces is None:
        issues.add("topology-not-judged")
        return
    least = known.limits["gap_m2"].value
    for gap in faces.gaps:
        if gap.area > least:
            issues.add("gap", place=gap, area_m2=round(gap.area, 4))
    if coverage is not None:
        bare = coverage.difference(shapely.union_all(faces.covered))
        for part in shapely.get_parts(bare):
            if part.area > least and not any(gap.covers(part) for gap in faces.gaps):
                issues.add("uncovered", place=part, area_m2=round(part.area, 4))


def _shape(path: Path) -> BaseGeometry | None:
    return shapely.from_wkb(path.read_bytes()) if path.exists() else None


def _as_json(issue: Issue) -> dict[str, Any]:
    place = shapely.to_wkb(issue.place, hex=True) if issue.place is not None else None
    return vars(issue) | {"place": place}


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
