"""The city's planning control lines (地方规划控制线) as rows of the exchange: layers in force that prohibit or restrict.

Layers that are restricted to their owner stay out (Art. 17, 18). Where approval runs apart from the blueprint there are none.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from approval.exchange.fields import Value
from blueprint.permissions import Sensitivity
from blueprint.snapshot import layers_on

_CONTROLS = frozenset({"prohibit", "restrict"})


def control_lines(session: Session, day: date) -> Iterator[tuple[str, datetime, dict[str, Value]]]:
    """Key, instant of change and own fields of each control line in force on a day; the file is named by its SHA-256."""
    for layer in layers_on(session, day):
        if layer.control not in _CONTROLS or layer.sensitivity == Sensitivity.RESTRICTED:
            continue
        if layer.version is None or layer.in_force_from is None:
            continue
        yield (
            f"L-{layer.code}-{layer.version}",
            datetime.combine(layer.in_force_from, datetime.min.time(), UTC),
            {
                "KZXWJXH": layer.version,
                "KZXWJMC": f"{layer.code}-{layer.version}",
                "KZXSYKSSJ": layer.in_force_from,
                "KZXWJSM": f"{layer.title}（{layer.department}）{layer.basis or ''}",
                "KZXWJFJ": f"sha256:{layer.source_sha256}",
            },
        )
