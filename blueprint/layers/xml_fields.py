"""The fields of a KML that say something: its driver gives every feature a dozen more, of what the standard allows for."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

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
"""What the driver adds of itself, and how it writes that a placemark does not say it."""


def filled_fields(path: Path, sublayer: str) -> list[str]:
    """All fields of a layer but those of the driver that no placemark fills."""
    fields = [str(name) for name in pyogrio.read_info(str(path), layer=sublayer)["fields"]]
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
