"""Inside the cell: look at a file without taking it: sublayers, fields, kinds, CRS as said, and a sample of its numbers."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from blueprint.crs import label, parse_crs
from blueprint.errors import InvalidInputError
from blueprint.layers.confinement import REPORT_FD, drop_rights
from blueprint.layers.formats import FORMATS
from blueprint.layers.kinds import KIND_NAMES, shapes_of
from blueprint.layers.marks import refuse_marked_rows
from blueprint.layers.preflight import check_file
from blueprint.layers.reading_child import first_line, open_databases
from blueprint.layers.row_texts import row_values
from blueprint.layers.sampling import Sample
from blueprint.layers.sources import list_sublayers, open_source
from blueprint.layers.texts import clean_name, readable
from blueprint.sentences import Sentence

SHOWN_ROWS = 5


@dataclass
class Survey:
    """What a file holds, as far as one looks at it: `rows` are the first ones, for a person to see whether texts are right."""

    sublayers: list[str] = field(default_factory=list)
    sublayer: str = ""
    fields: list[str] = field(default_factory=list)
    row_count: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    declared_crs: str | None = None
    declared_text: str | None = None
    has_heights: bool = False
    bounds: list[float] | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    points: list[list[float]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None


def main(request: dict[str, Any]) -> None:
    """Survey the file of the request; a refusal is said in the report, never by a traceback."""
    survey = Survey()
    try:
        open_databases(request)
        drop_rights(request["uid"], request["gid"])
        _survey(request, survey)
    except InvalidInputError as error:
        survey.refusal = error.sentence.as_json()
    except (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, OSError, UnicodeError) as error:
        survey.refusal = Sentence(
            "the file cannot be read: {error}", error=first_line(error, request["path"])
        ).as_json()
    except MemoryError:
        survey.refusal = Sentence(
            "the file needs more memory than an upload may use; split it into smaller files"
        ).as_json()
    with pa.ipc.new_stream(sys.stdout.buffer, pa.schema([])):
        pass
    sys.stdout.buffer.close()
    with os.fdopen(REPORT_FD, "w") as stream:
        json.dump(asdict(survey), stream, default=str)


def _survey(request: dict[str, Any], survey: Survey) -> None:
    path = Path(request["path"])
    check_file(path, FORMATS[path.suffix])
    survey.sublayers = list_sublayers(path, request)
    if request["sublayer"] is None and len(survey.sublayers) > 1 and path.suffix != ".dxf":
        hint = request["layer_hint"]
        request = request | {"sublayer": hint if hint in survey.sublayers else survey.sublayers[0]}
    sample = Sample()
    with open_source(request) as source:
        survey.sublayer, survey.fields = source.sublayer, [clean_name(name) for name in source.fields]
        survey.notes = [message.as_json() for _, message in source.notes]
        if source.crs:
            survey.declared_crs, survey.declared_text = label(parse_crs(source.crs)), source.crs

        def note(_severity: str, _rule: str, _number: int | None, message: Sentence) -> None:
            if message.as_json() not in survey.notes:
                survey.notes.append(message.as_json())

        for batch in source.batches:
            clean = readable(batch, source.geometry_name, note)
            refuse_marked_rows(clean)
            _look(batch.column(source.geometry_name).to_pylist(), sample, survey)
            if len(survey.rows) < SHOWN_ROWS:
                survey.rows += row_values(clean.slice(0, SHOWN_ROWS - len(survey.rows)))
            survey.row_count += batch.num_rows
    survey.points = sample.points()


def _look(values: list[bytes | None], sample: Sample, survey: Survey) -> None:
    shapes, curved = shapes_of(values)
    sample.take(shapes)
    if curved:
        survey.kinds["curved"] = survey.kinds.get("curved", 0) + curved
    survey.has_heights |= bool(shapely.has_z(shapes).any() or shapely.has_m(shapes).any())
    for kind, count in zip(*np.unique(shapely.get_type_id(shapes), return_counts=True), strict=True):
        name = KIND_NAMES.get(int(kind), "none")
        survey.kinds[name] = survey.kinds.get(name, 0) + int(count)
    points = shapely.get_coordinates(shapes)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points):
        low, high = points.min(axis=0), points.max(axis=0)
        old = survey.bounds or [*low, *high]
        survey.bounds = [*np.minimum(low, old[:2]).tolist(), *np.maximum(high, old[2:]).tolist()]
