"""A `layers.toml`: definitions of layers, and the files that become their versions."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from blueprint.errors import InvalidInputError
from blueprint.layers.catalogue import LayerDefinition


@dataclass(frozen=True)
class VersionFile:
    """A file of a `layers.toml` that becomes a version of its layer."""

    path: Path
    sublayer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    accept_crs: str | None = None
    split: bool = False
    mend: bool = True
    reference: str | None = None
    in_force_from: date | None = None
    valid_until: date | None = None
    review_by: date | None = None
    districts: str | None = None
    coverage: Path | None = None
    mapping: tuple[str, ...] = ()
    """`YOURS=STANDARD` for fields that the file calls otherwise than the standard."""
    confirm_warnings: str | None = None
    """Why warnings of its quality check may stand."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A layer of a `layers.toml` with its files, oldest first."""

    definition: LayerDefinition
    versions: tuple[VersionFile, ...] = field(default=())


def read_catalogue(path: Path) -> list[CatalogueEntry]:
    """Read a `layers.toml`: definitions and the files that belong to them, paths relative to it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(
            "cannot open {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError("{path} is not a TOML file: {error}", path=path, error=error) from error
    entries = document.get("layer", [])
    if not isinstance(entries, list) or not entries:
        raise InvalidInputError("{path} defines no [[layer]]", path=path)
    return [_entry(entry, path) for entry in entries]


def _entry(entry: Mapping[str, Any], path: Path) -> CatalogueEntry:
    known = {column.name for column in fields(LayerDefinition)} | {"version"}
    unknown = sorted(set(entry) - known)
    name = entry.get("code", "?")
    if unknown:
        raise InvalidInputError(
            "{path}: layer {name} has unknown keys {unknown}", path=path, name=name, unknown=unknown
        )
    try:
        definition = LayerDefinition(**{key: value for key, value in entry.items() if key != "version"})
        versions = tuple(_version_file(version, path) for version in entry.get("version", []))
    except (TypeError, KeyError) as error:
        raise InvalidInputError("{path}: layer {name}: {error}", path=path, name=name, error=error) from error
    return CatalogueEntry(definition=definition, versions=versions)


def _version_file(entry: Mapping[str, Any], path: Path) -> VersionFile:
    values = dict(entry)
    coverage = values.pop("coverage", None)
    values["mapping"] = tuple(values.get("mapping", ()))
    for key in ("in_force_from", "valid_until", "review_by"):
        if key in values:
            values[key] = _day(values[key])
    return VersionFile(
        path=path.parent / values.pop("file"), coverage=path.parent / coverage if coverage else None, **values
    )


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
