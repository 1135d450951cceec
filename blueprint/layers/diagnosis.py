"""Diagnosis of a file before it is uploaded: what it holds, where its data would fall and in which CRS they fit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.crs import NoPathError, UnnamedDatumError, best_operation
from blueprint.crs_registry import registered_transformations
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.crs_doctor import Guess, share_inside
from blueprint.layers.location import compare_place, guesses_of
from blueprint.layers.map_shift import ShiftFinding
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.reading import ReadingRequest, StagedFile, run_child
from blueprint.layers.sketch import draw
from blueprint.rasters import intake
from blueprint.sentences import Sentence, sentence_from
from blueprint.transformations import RegisteredTransformation, find_operation


@dataclass(frozen=True)
class RasterFound:
    """What a GeoTIFF holds; the size of a pixel is in units of its own CRS."""

    width: int
    height: int
    pixel_width: float
    pixel_height: float
    data_type: str
    nodata: str | None


@dataclass(frozen=True)
class Diagnosis:
    """What a file holds and where it would lie; `preview` is GeoJSON in degrees, `sketch` an SVG of the same.

    `share_inside` is the share of sampled vertices within the city under the CRS that the file says or that was given; of
    a raster, whose bands are its sublayers, that of places with a value. `refusal` says why the CRS leads to no place, so that
    no other is suggested: numbers of Xian 1980 fit CGCS2000 as well and lie up to 150 m off; where the datum is of no known
    name, but has the ellipsoid of CGCS2000, what fits is suggested beside it. `registered` are the systems
    for which an operator registered a transformation.
    """

    format: str
    sublayers: tuple[str, ...]
    sublayer: str
    fields: tuple[str, ...]
    row_count: int
    kinds: dict[str, int]
    has_heights: bool
    rows: tuple[dict[str, Any], ...]
    raster: RasterFound | None
    declared_crs: str | None
    bounds: tuple[float, ...] | None
    operation: str | None
    operation_accuracy_m: float | None
    share_inside: float | None
    refusal: Sentence | None
    registered: tuple[str, ...]
    guesses: tuple[Guess, ...]
    shift: ShiftFinding | None
    advice: tuple[str, ...]
    preview: dict[str, Any]
    sketch: str


def diagnose(
    session: Session,
    layer: Layer,
    file: StagedFile,
    *,
    city: City,
    crs: str | None = None,
    sublayer: str | None = None,
    encoding: str | None = None,
    reference: LayerVersion | None = None,
) -> Diagnosis:
    """Look at a file for a layer without storing anything of it.

    `reference` is a version whose features the data should lie on, for shifts of map services; the layer's own last
    version when none is named.
    """
    registered = registered_transformations(session)
    is_raster = layer.geometry == GeometryKind.RASTER
    if is_raster:
        survey = _survey_raster(layer, file, registered, city=city, band=sublayer)
    else:
        survey = _survey(layer, file, city=city, sublayer=sublayer, encoding=encoding)
    points: list[list[float]] = survey["points"]
    advice = [sentence_from(note).both for note in survey["notes"]]
    placed, operation, refusal, may_be_ours = None, None, None, True
    said = crs or survey["declared_text"]
    if said is not None and points:
        try:
            operation = find_operation(said, city.working_crs, registered)
            placed = operation.apply(np.asarray(shapely.points(np.array(points))))
        except NoPathError as error:
            refusal, may_be_ours = error.sentence, isinstance(error, UnnamedDatumError)
        except InvalidInputError as error:
            advice.append(error.sentence.both)
    metres = shapely.get_coordinates(placed) if placed is not None else None
    inside = share_inside(metres, jurisdiction(city)) if metres is not None else None
    guesses = guesses_of(points, city) if may_be_ours else ()
    shift = None
    if metres is not None and operation is not None and inside:
        compared = reference or last_version(session, layer)
        versions = [compared] if compared is not None and not is_raster else []
        lying = metres if not is_raster else np.column_stack(operation.move(*_columns(survey["edge"])))
        shift = compare_place(session, lying.tolist(), city, versions).shift
    if refusal is not None:
        advice += [refusal.both, *(guess.sentence().both for guess in guesses)]
    else:
        advice += _advice(said, inside, guesses, shift)
    drawn = {"as_said": metres} | {
        f"guess {guess.crs}": _placed(guess, points, city)
        for guess in guesses[:3]
        if guess.is_acceptable and not inside
    }
    lonlat = {
        name: _lonlat(values, city)
        for name, values in drawn.items()
        if values is not None and np.isfinite(values).all()
    }
    outline = jurisdiction(city).outline
    return Diagnosis(
        format=file.format.name,
        sublayers=tuple(survey["sublayers"]),
        sublayer=survey["sublayer"],
        fields=tuple(survey["fields"]),
        row_count=survey["row_count"],
        kinds=survey["kinds"],
        has_heights=survey["has_heights"],
        rows=tuple(survey["rows"]),
        raster=RasterFound(**{f.name: survey[f.name] for f in fields(RasterFound)}) if is_raster else None,
        declared_crs=survey["declared_crs"],
        bounds=tuple(survey["bounds"]) if survey["bounds"] else None,
        operation=operation.name if operation is not None else None,
        operation_accuracy_m=operation.accuracy_m if operation is not None else None,
        share_inside=inside,
        refusal=refusal,
        registered=tuple(f"{r.source}（±{r.accuracy_m:g} m）" for r in registered),
        guesses=guesses,
        shift=shift,
        advice=tuple(advice),
        preview=_preview(outline, lonlat, city),
        sketch=draw(outline, {n: v for n, v in drawn.items() if v is not None and np.isfinite(v).all()}),
    )


def _survey(
    layer: Layer, file: StagedFile, *, city: City, sublayer: str | None, encoding: str | None
) -> dict[str, Any]:
    request = ReadingRequest(
        geometry=layer.geometry,
        working_crs=city.working_crs,
        working_srid=city.working_srid,
        surroundings=jurisdiction(city).surroundings,
        sublayer=sublayer,
        layer_hint=layer.code,
        encoding=encoding,
    )
    with run_child("blueprint.layers.survey_child", file, asdict(request)) as opened:
        for _ in opened.batches:
            pass
    return opened.report


def _survey_raster(
    layer: Layer,
    file: StagedFile,
    registered: tuple[RegisteredTransformation, ...],
    *,
    city: City,
    band: str | None,
) -> dict[str, Any]:
    request = intake.RasterRequest(
        working_crs=city.working_crs,
        surroundings=jurisdiction(city).surroundings,
        value_kind=layer.value_kind or "",
        band=band,
        registered=registered,
    )
    nothing: dict[str, Any] = {
        "fields": [],
        "row_count": 0,
        "kinds": {},
        "rows": [],
        "notes": [],
        "has_heights": False,
    }
    return intake.survey(file, request) | nothing


def _columns(points: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    found = np.array(points, dtype=float).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def last_version(session: Session, layer: Layer) -> LayerVersion | None:
    """The newest version of a layer."""
    return session.scalars(
        select(LayerVersion)
        .where(LayerVersion.layer_id == layer.id)
        .order_by(LayerVersion.number.desc())
        .limit(1)
    ).first()


def _advice(
    said: str | None, inside: float | None, guesses: Sequence[Guess], shift: ShiftFinding | None
) -> list[str]:
    """What a person should do next, in sentences."""
    if shift is not None:
        return [shift.sentence().both]
    if inside:
        return [
            Sentence(
                "{inside:.0%} of the sampled vertices lie within the city; nothing speaks against this coordinate system",
                inside=inside,
            ).both
        ]
    told = (
        Sentence("the data lie outside the city in the coordinate system that is said")
        if said
        else Sentence("the file does not say its coordinate system")
    )
    if not guesses:
        return [
            Sentence("{told}, and they fit no system of CGCS2000 or WGS 84; ask their source", told=told).both
        ]
    advice = [Sentence("{told}; {guess}", told=told, guess=guess.sentence()).both for guess in guesses]
    if guesses[0].is_acceptable:
        advice.append(
            Sentence(
                "if that is right, accept {crs} (--accept-crs {crs} at the console); data in Xian 1980 or Beijing 1954"
                " have the same numbers and lie up to 150 m off, so ask their source for the datum",
                crs=guesses[0].crs,
            ).both
        )
    return advice


def _placed(guess: Guess, points: list[list[float]], city: City) -> np.ndarray:
    operation = best_operation(guess.crs, city.working_crs)
    return np.asarray(shapely.get_coordinates(operation.apply(np.asarray(shapely.points(np.array(points))))))


def _lonlat(metres: np.ndarray, city: City) -> np.ndarray:
    back = best_operation(city.working_crs, f"EPSG:{city.geographic_srid}")
    return np.asarray(shapely.get_coordinates(back.apply(np.asarray(shapely.points(metres)))))


def _preview(
    outline: shapely.MultiPolygon | None, points: dict[str, np.ndarray], city: City
) -> dict[str, Any]:
    """The city's outline and the sampled vertices as GeoJSON, longitude first."""
    features = [
        {
            "type": "Feature",
            "properties": {"role": name},
            "geometry": {"type": "MultiPoint", "coordinates": np.round(values, 7).tolist()},
        }
        for name, values in points.items()
    ]
    if outline is not None:
        simple = shapely.simplify(outline, 200.0)
        back = best_operation(city.working_crs, f"EPSG:{city.geographic_srid}")
        shape = back.apply(np.array([simple], dtype=object))[0]
        geometry = shapely.geometry.mapping(shape)
        features.insert(0, {"type": "Feature", "properties": {"role": "outline"}, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}
