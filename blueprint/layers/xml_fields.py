"""The fields of a KML or GML that are a planner's own: the drivers give a feature more, and guess what a GML's texts are."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

from blueprint.layers.formats import GML, Format

_UNSAID = {
    "id": None,
    "Name": None,
    "description": None,
    "timestamp": None,
    "begin": None,
    "end": None,
    "altitudeMode": None,
    "tessellate": -1,
    "extrude": 0,
    "visibility": -1,
    "drawOrder": None,
    "icon": None,
}
"""What the driver of KML adds of itself, and how it writes that a placemark does not say it."""

_CORNERS = ("lowerCorner", "upperCorner")
"""The box around a feature (boundedBy), which GDAL takes for two of its fields where there is no schema."""

_LONG = re.compile(rb">\s*[-+]?\d{19,}\s*<")
_BLOCK = 1 << 20


def set_field_options(path: Path) -> None:
    """Have all fields of a GML read as texts where one holds a number of more digits than a whole number of GDAL's keeps."""
    with path.open("rb") as opened:
        last, found = b"", False
        while not found and (block := opened.read(_BLOCK)):
            found = _LONG.search(last + block) is not None
            last = block[-200:]
    pyogrio.set_gdal_config_options({"GML_FIELDTYPES": "ALWAYS_STRING" if found else None})


def own_fields(path: Path, sublayer: str, form: Format) -> list[str]:
    """All fields of a layer but those that the driver makes and nobody filled."""
    fields = [str(name) for name in pyogrio.read_info(str(path), layer=sublayer)["fields"]]
    if form == GML:
        return [name for name in fields if name not in _CORNERS]
    looked_at = [name for name in fields if name in _UNSAID]
    empty = set(looked_at)
    with pyogrio.raw.open_arrow(
        str(path), layer=sublayer, columns=looked_at, read_geometry=False, use_pyarrow=True
    ) as (_, reader):
        for batch in reader:
            empty -= {name for name in empty if _says(batch.column(name), _UNSAID[name])}
            if not empty:
                break
    return [name for name in fields if name not in empty]


def _says(column: pa.Array, unsaid: int | None) -> bool:
    if unsaid is None:
        return bool(column.null_count < len(column))
    return bool(pc.any(pc.not_equal(column, unsaid)).as_py())
