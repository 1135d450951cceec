"""Routes of the field mapping: which field of a layer's files is which of its standard."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from blueprint.edge import ActorDep, NowDep, SessionDep
from blueprint.idempotency import IdempotentRoute
from blueprint.layers import catalogue
from blueprint.layers.models import Layer
from blueprint.layers.router import Code
from blueprint.permissions import Act, require
from blueprint.quality.schemas import FieldMappingIn, FieldMappingOut, SuggestionOut
from blueprint.sharing.purposes import record_reading
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import keep_mapping, kept_mapping, parse_pairs, resolved, suggestions

router = APIRouter(prefix="/api/layers", tags=["layers"], route_class=IdempotentRoute)


@router.get("/{code}/field-mapping")
def show_field_mapping(code: Code, session: SessionDep, actor: ActorDep) -> FieldMappingOut:
    """Which fields of the layer's files are which of its standard, and what else of the newest version may be meant."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    record_reading(session, actor, [layer.thing], kind="field_mapping", id=layer.code)
    return _mapping_out(session, layer)


@router.put("/{code}/field-mapping")
def map_fields(
    code: Code, body: FieldMappingIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> FieldMappingOut:
    """Say it for the next upload; an empty field of the file forgets what was said."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    standard = find_standard(layer.standard) if layer.standard is not None else None
    forgotten = {name: "" for name, source in body.mapping.items() if not source.strip()}
    pairs = [f"{source}={name}" for name, source in body.mapping.items() if name not in forgotten]
    chosen = forgotten | parse_pairs(pairs, standard)
    keep_mapping(session, layer.id, layer.code, chosen, actor=actor, now=now)
    return _mapping_out(session, layer)


def _mapping_out(session: Session, layer: Layer) -> FieldMappingOut:
    kept = kept_mapping(session, layer.id)
    fields = layer.versions[-1].quality.get("fields", []) if layer.versions else []
    found = []
    if layer.standard is not None:
        standard = find_standard(layer.standard)
        found = suggestions(standard, fields, resolved(standard, fields, kept))
    return FieldMappingOut(
        layer=layer.code,
        standard=layer.standard,
        mapping=kept,
        suggestions=[SuggestionOut(**vars(suggestion)) for suggestion in found],
    )
