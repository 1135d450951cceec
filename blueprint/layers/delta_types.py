"""One type for a field in a version that a delta makes: files of few rows have numbers where the base has digits, and digits where it has numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from blueprint.database import load_statements
from blueprint.layers.models import LayerVersion

_SQL = load_statements(Path(__file__).with_name("delta.sql"))


def settle_types(session: Session, values: Mapping[str, Any]) -> list[str]:
    """Give the fields of a delta's rows the types that they have in the base.

    Gives those that become text in the whole version, as a row has more digits than a number keeps (`keep_as_text`).
    """
    as_text = []
    for field in session.execute(_SQL["mixed_fields"], values).all():
        step = "rows_as_numbers" if field.is_number else "rows_as_text"
        session.execute(_SQL[step], {"name": field.name})
        if not field.is_text and not field.is_number:
            as_text.append(field.name)
    return as_text


def keep_as_text(session: Session, version: LayerVersion, fields: Sequence[str]) -> None:
    """Make the numbers of these fields digits in all features of a version that is being made."""
    for name in fields:
        session.execute(_SQL["features_as_text"], {"version_id": version.id, "name": name})
