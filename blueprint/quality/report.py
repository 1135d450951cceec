"""The issues of a version as people get them: page by page, and as a GeoPackage that opens on top of the data."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import shapely
from geoalchemy2.shape import to_shape
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.errors import InvalidInputError
from blueprint.layers.mending import place_of, reason_said
from blueprint.layers.models import Layer, LayerVersion, feature
from blueprint.quality.kinds import Level, kinds
from blueprint.quality.models import QualityIssue, mending
from blueprint.quality.schemas import (
    ConfirmationOut,
    IssueOut,
    MendingActOut,
    MendingOut,
    MendingPage,
    QualityOut,
    WordsOut,
)
from blueprint.quality.undoing import Undone
from blueprint.sentences import Sentence


@dataclass(frozen=True)
class Drawn:
    """An issue as it is told, and its shape in the working CRS."""

    told: IssueOut
    shape: BaseGeometry | None


def quality_of(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    *,
    city: City,
    after: int = 0,
    limit: int = 100,
    level: Level | None = None,
) -> QualityOut:
    """A page of a version's issues, those noted after the one of number `after`, with what holds for the version."""
    statement = (
        select(QualityIssue)
        .where(QualityIssue.version_id == version.id, QualityIssue.id > after)
        .order_by(QualityIssue.id)
        .limit(limit + 1)
    )
    if level is not None:
        statement = statement.where(QualityIssue.level == level)
    found = list(session.scalars(statement))
    receipts = session.execute(
        select(func.count(), func.count(mending.c.undone_at)).where(mending.c.version_id == version.id)
    ).one()
    confirmation = None
    if version.warnings_reason is not None and version.warnings_confirmed_at is not None:
        confirmation = ConfirmationOut(
            by=version.warnings_confirmed_by or "",
            at=version.warnings_confirmed_at,
            reason=version.warnings_reason,
        )
    return QualityOut(
        layer=layer.code,
        number=version.number,
        file=version.source_name,
        standard=version.standard,
        field_mapping=version.field_mapping or {},
        checked_at=version.checked_at,
        counts=version.issue_counts,
        confirmation=confirmation,
        mended_count=version.quality.get("mended_count", 0),
        mended_m2=version.quality.get("mended_m2", 0.0),
        receipt_count=receipts[0],
        undone_count=receipts[1],
        items=[_drawn(issue, version.source_name, city).told for issue in found[:limit]],
        next=str(found[limit - 1].id) if len(found) > limit else None,
    )


def mendings_of(
    session: Session, version: LayerVersion, *, city: City, after: int = 0, limit: int = 100
) -> MendingPage:
    """A page of the receipts of what was mended, with the shapes as the file had them."""
    is_feature = and_(
        feature.c.version_id == mending.c.version_id, feature.c.feature_id == mending.c.feature_id
    )
    found = session.execute(
        select(mending, feature.c.geom, feature.c.source_id)
        .join(feature, is_feature)
        .where(mending.c.version_id == version.id, mending.c.feature_id > after)
        .order_by(mending.c.feature_id)
        .limit(limit + 1)
    ).all()
    items = [_receipt(row, city) for row in found[:limit]]
    return MendingPage(items=items, next=str(items[-1].row) if len(found) > limit else None)


def _receipt(row: Row[Any], city: City) -> MendingOut:
    why = reason_said(row.reason)
    x, y = [float(part) for part in (place_of(row.reason) or "").split()] or to_shape(
        row.geom
    ).centroid.coords[0]
    degrees = to_lonlat(shapely.Point(x, y), city).coords[0]
    return MendingOut(
        row=row.feature_id,
        source_id=row.source_id,
        reason=row.reason,
        why=WordsOut(zh=why.chinese, en=why.english),
        place=[round(x, 3), round(y, 3)],
        lonlat=[round(degrees[0], 8), round(degrees[1], 8)],
        before_m2=row.before_m2,
        after_m2=row.after_m2,
        moved_m=row.moved_m,
        original=mapping(to_lonlat(to_shape(row.original), city)),
        mended=mapping(to_lonlat(to_shape(row.geom), city)),
        undone_by=row.undone_by,
        undone_at=row.undone_at,
    )


def acted_out(layer: Layer, done: Undone) -> MendingActOut:
    """What came of undoing mendings, or of accepting them again."""
    counts = done.version.issue_counts or {}
    return MendingActOut(
        layer=layer.code,
        number=done.version.number,
        count=done.count,
        errors=counts.get(Level.FATAL, 0) + counts.get(Level.ERROR, 0),
        follows=WordsOut(zh=done.follows.chinese, en=done.follows.english),
    )


def told_of(
    kind: str,
    level: Level,
    *,
    file: str,
    params: Mapping[str, Any],
    city: City,
    shape: BaseGeometry | None,
    row: int | None = None,
    other_row: int | None = None,
    field: str | None = None,
    value: str | None = None,
) -> IssueOut:
    """An issue in the words of the catalogue."""
    described = kinds()[kind]
    words = described.words({name: params.get(name, "—") for name in described.placeholders})
    at = degrees = None
    if shape is not None and not shape.is_empty:
        point = shape.representative_point()
        at, degrees = point.coords[0], to_lonlat(point, city).coords[0]
    return IssueOut(
        code=kind,
        level=level,
        file=file,
        row=row,
        other_row=other_row,
        field=field,
        value=value,
        text=WordsOut(zh=words.zh, en=words.en),
        todo=WordsOut(zh=described.todo.zh, en=described.todo.en),
        place=[round(at[0], 3), round(at[1], 3)] if at is not None else None,
        lonlat=[round(degrees[0], 8), round(degrees[1], 8)] if degrees is not None else None,
        geometry=mapping(to_lonlat(shape, city)) if shape is not None else None,
    )


def _drawn(issue: QualityIssue, file: str, city: City) -> Drawn:
    shape = to_shape(issue.geom) if issue.geom is not None else None
    told = told_of(
        issue.kind,
        Level(issue.level),
        file=file,
        params=issue.params,
        city=city,
        shape=shape,
        row=issue.feature_id,
        other_row=issue.other_feature_id,
        field=issue.field,
        value=issue.value,
    )
    return Drawn(told, shape)


def drawn_issues(session: Session, version: LayerVersion, *, city: City) -> Iterator[Drawn]:
    """All issues that are listed for a version, with their shapes."""
    statement = select(QualityIssue).where(QualityIssue.version_id == version.id).order_by(QualityIssue.id)
    for issue in session.scalars(statement.execution_options(yield_per=1000)):
        yield _drawn(issue, version.source_name, city)


def original_shapes(session: Session, version: LayerVersion) -> list[tuple[int, BaseGeometry]]:
    """The shapes that were mended, as the file had them."""
    rows = session.execute(
        select(mending.c.feature_id, mending.c.original)
        .where(mending.c.version_id == version.id)
        .order_by(mending.c.feature_id)
    )
    return [(row.feature_id, to_shape(row.original)) for row in rows]


_LAYER_NAMES = {2: "issues_area", 1: "issues_line", 0: "issues_point"}


def write_errors(
    path: Path,
    drawn: Iterable[Drawn],
    *,
    city: City,
    originals: Iterable[tuple[int, BaseGeometry]] = (),
    about: str = "",
) -> int:
    """Write issues to a GeoPackage in the working CRS, one layer a kind of geometry, and say how many.

    Issues without a place are in the layer of points, without one; `mended_originals` has shapes as they were before.
    `about` stands in the description of each layer.
    """
    if path.suffix.lower() != ".gpkg":
        raise InvalidInputError(
            "error geometries are written as .gpkg, not {suffix}",
            suffix=path.suffix or Sentence("without suffix"),
        )
    rows: dict[str, list[dict[str, Any]]] = {}
    count = 0
    for issue in drawn:
        count += 1
        for shape in _simple(issue.shape):
            layer = _LAYER_NAMES[int(shapely.get_dimensions(shape)) if shape is not None else 0]
            rows.setdefault(layer, []).append(_flat(issue.told) | {"geometry": shape})
    for number, shape in originals:
        rows.setdefault("mended_originals", []).append({"row": number, "geometry": shape})
    if not rows:
        rows["issues_point"] = [{"code": None, "geometry": None}][:0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.stem}.part.gpkg")
        partial.unlink(missing_ok=True)
        for name, values in rows.items():
            frame = geopandas.GeoDataFrame(
                values or {"code": [], "geometry": []}, geometry="geometry", crs=city.working_crs
            )
            kind = {"issues_area": "MultiPolygon", "issues_line": "MultiLineString"}.get(name, "Unknown")
            frame.to_file(
                partial,
                layer=name,
                driver="GPKG",
                engine="pyogrio",
                geometry_type=kind,
                promote_to_multi=kind != "Unknown",
                DESCRIPTION=about,
            )
        partial.replace(path)
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    return count


def _simple(shape: BaseGeometry | None) -> list[BaseGeometry | None]:
    """A shape as it can lie in one layer: collections in their parts."""
    if shape is None or shape.geom_type != "GeometryCollection":
        return [shape]
    return list(shapely.get_parts(shape))


def _flat(issue: IssueOut) -> dict[str, Any]:
    return {
        "code": issue.code,
        "level": issue.level,
        "row": issue.row,
        "other_row": issue.other_row,
        "field": issue.field,
        "value": issue.value,
        "text_zh": issue.text.zh,
        "text_en": issue.text.en,
        "todo_zh": issue.todo.zh,
        "todo_en": issue.todo.en,
    }
