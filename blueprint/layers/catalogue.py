"""The catalogue: define layers, list and show what there is."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from math import isfinite
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ChangedMeanwhileError, ConflictError, InvalidInputError, NotFoundError, placed
from blueprint.layers.buffers import read_buffer_rule
from blueprint.layers.models import ConflictWhen, Control, GeometryKind, Layer, LayerVersion, Symbology
from blueprint.layers.retirement import refuse_retired
from blueprint.permissions import Act, Actor, Sensitivity, Thing, may, require
from blueprint.rasters.values import ValueKind
from blueprint.sentences import spoken
from blueprint.standards.loading import find_standard

_CODE = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,59}$")
_COLOR = re.compile(r"^#[0-9a-fA-F]{6}$")
_RESERVED = {"blueprint", "style"}
"""Words that the tile addresses use themselves."""


@dataclass(frozen=True)
class LayerDefinition:
    """What defines a layer; lengths in metres, areas in m²."""

    code: str
    title: str
    department: str
    geometry: str
    control: str
    title_en: str | None = None
    conflict_when: str = ConflictWhen.INSIDE
    buffer_m: float = 0.0
    buffer_by: Mapping[str, Any] | None = None
    """Widths by an attribute, and how wide the thing itself is (`blueprint.layers.buffers`); `buffer_m` is then the strictest."""
    tolerance_m2: float = 1.0
    sliver_width_m: float = 0.1
    sensitivity: str = Sensitivity.PUBLIC
    basis: str | None = None
    purpose: str | None = None
    conditions: str | None = None
    source_id_field: str | None = None
    label_field: str | None = None
    color: str | None = None
    is_base_map: bool = False
    standard: str | None = None
    """The code of its attribute standard, or an alias of it."""
    value_kind: str | None = None
    unit: str | None = None
    threshold_above: float | None = None
    threshold_below: float | None = None
    threshold_values: list[int] | None = None
    threshold_share: float = 0.0
    group: str | None = None
    """A layer group of the city profile."""
    position: int = 0
    """The place in its group; the smallest comes first in lists and on top of the map."""
    symbology: str | None = None
    class_field: str | None = None
    """The field with the class that tiles carry; the feature code (YSDM) when not given."""
    abstract: str | None = None
    owner: str | None = None
    """Who is responsible for the data, where that is not the department itself."""
    scale: int | None = None
    """The denominator: 2000 for 1:2000."""
    data_on: date | None = None
    """The day of which the data speak."""
    lineage: str | None = None


def check_definition(definition: LayerDefinition, city: City) -> None:
    """Refuse a definition that makes no sense, naming the key and what it may be."""
    if not _CODE.match(definition.code) or definition.code.lower() in _RESERVED:
        raise InvalidInputError(
            "layer code {layer_code!r} must be 1 to 60 letters, digits or _, begin with a letter, and not"
            " be 'blueprint' or 'style'",
            place="code",
            layer_code=definition.code,
        )
    if not definition.title.strip():
        raise InvalidInputError("layer {layer_code} needs a title", place="title", layer_code=definition.code)
    with placed("department"):
        city.department(definition.department)
    for key, values in (
        ("geometry", GeometryKind),
        ("control", Control),
        ("conflict_when", ConflictWhen),
        ("sensitivity", Sensitivity),
    ):
        value = getattr(definition, key)
        if value not in set(values):
            raise InvalidInputError(
                "{key} {value!r} of layer {layer_code} must be one of: {values}",
                place=key,
                key=key,
                value=value,
                layer_code=definition.code,
                values=values,
            )
    for key in ("buffer_m", "tolerance_m2", "sliver_width_m"):
        if not 0 <= getattr(definition, key) <= 100_000:
            raise InvalidInputError(
                "{key} of layer {layer_code} must be a number from 0 to 100,000",
                place=key,
                key=key,
                layer_code=definition.code,
            )
    with placed("buffer_by"):
        read_buffer_rule(definition.buffer_by, definition.buffer_m, definition.code)
    if definition.color is not None and not _COLOR.match(definition.color):
        raise InvalidInputError(
            "color {color!r} of layer {layer_code} must be like #2e7d32",
            place="color",
            color=definition.color,
            layer_code=definition.code,
        )
    if definition.standard is not None:
        with placed("standard"):
            standard = find_standard(definition.standard)
        if standard.geometry != definition.geometry:
            raise InvalidInputError(
                "standard {standard_code} {standard_title} is of {geometry}s, layer {layer_code} of"
                " {definition_geometry}s",
                place="standard",
                standard_code=standard.code,
                standard_title=standard.title,
                geometry=spoken(GeometryKind(standard.geometry)),
                layer_code=definition.code,
                definition_geometry=spoken(GeometryKind(definition.geometry)),
            )
    if definition.conflict_when == ConflictWhen.OUTSIDE and (
        definition.geometry != GeometryKind.POLYGON or definition.buffer_m
    ):
        raise InvalidInputError(
            "layer {layer_code}: conflict_when 'outside' is for polygon layers without a buffer",
            place="conflict_when",
            layer_code=definition.code,
        )
    _check_threshold(definition)
    _check_catalogue_entry(definition, city)


def _check_catalogue_entry(definition: LayerDefinition, city: City) -> None:
    """What lists, maps and metadata say of a layer holds together."""
    code = definition.code
    if definition.group is not None:
        with placed("group"):
            city.layer_group(definition.group)
    if not isinstance(definition.position, int) or not -1000 <= definition.position <= 1000:
        raise InvalidInputError(
            "position of layer {code} must be a whole number from -1000 to 1000", place="position", code=code
        )
    if definition.symbology is not None:
        if definition.symbology not in set(Symbology):
            raise InvalidInputError(
                "symbology of layer {code} must be one of: {ways}",
                place="symbology",
                code=code,
                ways=Symbology,
            )
        if definition.class_field is None or definition.geometry != GeometryKind.POLYGON:
            raise InvalidInputError(
                "layer {code} is drawn by classes: it must be of polygons and name its class_field",
                place="class_field" if definition.class_field is None else "symbology",
                code=code,
            )
    if definition.scale is not None and not (
        isinstance(definition.scale, int) and 1 <= definition.scale <= 100_000_000
    ):
        raise InvalidInputError(
            "scale of layer {code} must be the denominator, a whole number: 2000 for 1:2000",
            place="scale",
            code=code,
        )
    if definition.data_on is not None and not isinstance(definition.data_on, date):
        raise InvalidInputError(
            "data_on of layer {code} must be a day like 2026-01-31", place="data_on", code=code
        )


def _check_threshold(definition: LayerDefinition) -> None:
    """What is said of pixels is for raster layers, and holds together."""
    code = definition.code
    thresholds = (definition.threshold_above, definition.threshold_below, definition.threshold_values)
    if definition.geometry != GeometryKind.RASTER:
        if definition.value_kind or definition.threshold_share or thresholds != (None, None, None):
            raise InvalidInputError(
                "layer {code}: value_kind and thresholds are for raster layers", place="value_kind", code=code
            )
        return
    if definition.value_kind not in set(ValueKind):
        raise InvalidInputError(
            "raster layer {code} needs value_kind: {kinds} (resampling and thresholds go by it)",
            place="value_kind",
            code=code,
            kinds=ValueKind,
        )
    if definition.buffer_m:
        raise InvalidInputError(
            "raster layer {code} has pixels, around which there is no buffer", place="buffer_m", code=code
        )
    for name, limit in zip(("threshold_above", "threshold_below"), thresholds[:2], strict=True):
        if limit is not None and not (isinstance(limit, int | float) and isfinite(limit)):
            raise InvalidInputError(
                "{name} of layer {code} must be a number", place=name, name=name, code=code
            )
    values = definition.threshold_values
    if values is not None:
        if definition.value_kind != ValueKind.CLASSES:
            raise InvalidInputError(
                "threshold_values of layer {code} are for value_kind 'classes'",
                place="threshold_values",
                code=code,
            )
        if not 1 <= len(values) <= 1000 or not all(
            isinstance(value, int) and abs(value) < 2**31 for value in values
        ):
            raise InvalidInputError(
                "threshold_values of layer {code} must be 1 to 1,000 whole numbers",
                place="threshold_values",
                code=code,
            )
    if not 0 <= definition.threshold_share < 1:
        raise InvalidInputError(
            "threshold_share of layer {code} must be from 0 to less than 1 (0.1 is 10 %)",
            place="threshold_share",
            code=code,
        )


def define_layer(
    session: Session, definition: LayerDefinition, *, city: City, actor: Actor, is_meant_new: bool = False
) -> tuple[Layer, bool]:
    """Define a layer, or change one that exists; says whether it is new.

    The kind of geometry stays once there are versions; a changed buffer holds for versions uploaded from then on.
    Raises ChangedMeanwhileError where one that is meant to be new is there already, ConflictError for a retired one.
    """
    require(actor, Act.DEFINE_LAYER, Thing(department=definition.department, layer=definition.code))
    check_definition(definition, city)
    if definition.standard is not None:
        definition = replace(definition, standard=find_standard(definition.standard).code)
    # Of two who define the same at once the second finds the layer of the first.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"layer {definition.code}", 0))))
    layer = session.scalars(
        select(Layer).where(Layer.code == definition.code).with_for_update()
    ).one_or_none()
    is_new = layer is None
    if layer is None:
        layer = Layer(code=definition.code)
        session.add(layer)
    else:
        require(actor, Act.DEFINE_LAYER, layer.thing)
        if is_meant_new:
            raise ChangedMeanwhileError(
                "there is a layer {code} already, and nothing of it was changed; take another code, or change that one",
                code=layer.code,
                place="code",
            )
        refuse_retired(layer)
    if not is_new and layer.geometry != definition.geometry and _has_versions(session, layer):
        raise ConflictError(
            "layer {layer_code} has versions of {geometry}s; define another layer for others",
            place="geometry",
            layer_code=layer.code,
            geometry=spoken(GeometryKind(layer.geometry)),
        )
    columns = [column.name for column in fields(LayerDefinition)]
    before = None if is_new else {name: getattr(layer, name) for name in columns}
    for name in columns:
        setattr(layer, name, getattr(definition, name))
    session.flush()
    if before != vars(definition):
        record(
            session,
            actor,
            Act.DEFINE_LAYER,
            kind="layer",
            id=layer.code,
            before=before,
            after=vars(definition),
        )
    return layer, is_new


def _has_versions(session: Session, layer: Layer) -> bool:
    return (
        session.scalar(select(LayerVersion.id).where(LayerVersion.layer_id == layer.id).limit(1)) is not None
    )


def find_layer(session: Session, code: str) -> Layer:
    """The layer of that code, with its versions."""
    layer = session.scalars(
        select(Layer)
        .where(Layer.code == code)
        .options(selectinload(Layer.versions).selectinload(LayerVersion.periods))
    ).one_or_none()
    if layer is None:
        raise layer_not_found(code)
    return layer


def find_readable(session: Session, code: str, actor: Actor) -> Layer:
    """The layer, or the same NotFoundError for one that does not exist and one that the actor may not read."""
    layer = find_layer(session, code)
    if not may(actor, Act.READ_LAYER, layer.thing):
        raise layer_not_found(code)
    return layer


def layer_not_found(code: str) -> NotFoundError:
    """What is said of a layer that is not there, or not for who asks."""
    return NotFoundError("no layer {code!r}; `blueprint layer list` shows the codes", code=code[:60])


def list_layers(session: Session, city: City, *, after: str = "", search: str = "") -> list[Layer]:
    """Layers by code, those after the code `after` in which every word searched for occurs; a catalogue has hundreds at most."""
    found = session.scalars(
        select(Layer)
        .where(Layer.code > after)
        .options(selectinload(Layer.versions).selectinload(LayerVersion.periods))
        .order_by(Layer.code)
    )
    words = _plain_text(search).split()
    return [layer for layer in found if all(word in _searched(layer, city) for word in words)]


def _searched(layer: Layer, city: City) -> str:
    """What a search looks at: codes, names, metadata, department and group."""
    departments = {department.code: department for department in city.departments}
    department = departments.get(layer.department)
    group = next((group for group in city.layer_groups if group.code == layer.group), None)
    texts = (
        layer.code, layer.title, layer.title_en, layer.standard, layer.basis, layer.purpose, layer.abstract,
        layer.owner, layer.lineage, layer.department, department and department.name,
        department and department.name_en, layer.group, group and group.name, group and group.name_en,
    )  # fmt: skip
    return _plain_text("\n".join(text for text in texts if text))


def _plain_text(text: str) -> str:
    """Text without the difference of upper and lower case and of full and half width."""
    return unicodedata.normalize("NFKC", text).casefold()
