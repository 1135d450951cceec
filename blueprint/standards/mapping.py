"""Which field of a file is which field of the standard: exact names of themselves, others as a planner says; the rest is suggested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, Actor
from blueprint.sentences import Sentence
from blueprint.standards.entries import FieldStandard, LayerStandard
from blueprint.standards.models import FieldMapping

LEAST_LIKENESS = 0.7
SHAPEFILE_NAME = 10
"""A Shapefile cuts field names off after so many bytes."""


@dataclass(frozen=True)
class Suggestion:
    """A field of the file that may be this field of the standard, and why: alias, title, case, cut or likeness."""

    standard_field: str
    title: str
    source_field: str
    why: str


def resolved(
    standard: LayerStandard, source_fields: Iterable[str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Standard field to source field: what was chosen where the file has it, then names that are exactly the same."""
    there = set(source_fields)
    taken = {name: source for name, source in chosen.items() if source in there and name in standard.by_name}
    for name in standard.by_name:
        if name in there and name not in taken and name not in taken.values():
            taken[name] = name
    return taken


def lacking(source_fields: Iterable[str], chosen: Mapping[str, str]) -> list[Sentence]:
    """What of a mapping that was kept the next file does not have: else a field would be empty from one day to the next."""
    there = set(source_fields)
    return [
        Sentence(
            "by the mapping that is kept for the layer {name} is the field {source!r}, which this file does not have;"
            " map another field to it, or forget the mapping",
            name=name,
            source=source,
        )
        for name, source in chosen.items()
        if source not in there
    ]


def suggestions(
    standard: LayerStandard, source_fields: Iterable[str], mapping: Mapping[str, str]
) -> list[Suggestion]:
    """For fields of the standard that the file lacks, what of the rest may be meant; nothing of it is applied."""
    free = [name for name in source_fields if name not in mapping.values()]
    open_fields = [field for field in standard.fields if field.name not in mapping]
    named = [(_why(field, name), field, name) for field in open_fields for name in free]
    found: dict[str, Suggestion] = {}
    for reason in _REASONS:  # the surest first, whatever field it is for
        for why, field, name in named:
            is_free = field.name not in found and name not in {s.source_field for s in found.values()}
            if why == reason and is_free:
                found[field.name] = Suggestion(field.name, field.title, name, reason)
    return [found[field.name] for field in open_fields if field.name in found]


_REASONS = ("case", "alias", "title", "cut", "likeness")


def _why(field: FieldStandard, name: str) -> str | None:
    plain = name.strip().upper()
    if plain == field.name:
        return "case"
    if plain in (alias.upper() for alias in field.aliases):
        return "alias"
    if name.strip() == field.title:
        return "title"
    if len(plain) == SHAPEFILE_NAME and field.name.startswith(plain):
        return "cut"
    return "likeness" if SequenceMatcher(None, plain, field.name).ratio() >= LEAST_LIKENESS else None


def parse_pairs(pairs: Iterable[str], standard: LayerStandard | None) -> dict[str, str]:
    """`YOURS=STANDARD` as a person writes it, to standard field by source field."""
    if standard is None and (pairs := list(pairs)):
        raise InvalidInputError(
            "the layer names no standard to map fields to; give it an attribute standard (--standard at the console)"
        )
    chosen: dict[str, str] = {}
    for pair in pairs:
        source, sign, name = (part.strip() for part in pair.partition("="))
        if not sign or not source or not name:
            raise InvalidInputError("mapping {pair!r} must be like YOURS=STANDARD, e.g. MJ1=MJ", pair=pair)
        assert standard is not None
        if name not in standard.by_name:
            raise InvalidInputError(
                "standard {standard_code} has no field {name!r}; `blueprint standard show {standard_code}`"
                " shows them",
                standard_code=standard.code,
                name=name,
            )
        if name in chosen or source in chosen.values():
            raise InvalidInputError("mapping {pair!r} maps a field that is mapped already", pair=pair)
        chosen[name] = source
    return chosen


def kept_mapping(session: Session, layer_id: int) -> dict[str, str]:
    """What was said of a layer's files before."""
    rows = session.scalars(
        select(FieldMapping).where(FieldMapping.layer_id == layer_id).order_by(FieldMapping.standard_field)
    )
    return {row.standard_field: row.source_field for row in rows}


def keep_mapping(
    session: Session,
    layer_id: int,
    layer_code: str,
    chosen: Mapping[str, str],
    *,
    actor: Actor,
    now: datetime,
) -> dict[str, str]:
    """Keep a mapping for the next upload; an empty source field forgets one. The caller asked the right."""
    before = kept_mapping(session, layer_id)
    after = {name: source for name, source in ({**before, **chosen}).items() if source}
    if len(set(after.values())) < len(after):
        raise InvalidInputError("one field of the file cannot be two fields of the standard")
    if after != before:
        session.execute(delete(FieldMapping).where(FieldMapping.layer_id == layer_id))
        session.add_all(
            FieldMapping(
                layer_id=layer_id, standard_field=name, source_field=source, set_by=actor.name, set_at=now
            )
            for name, source in after.items()
        )
        session.flush()
        record(
            session,
            actor,
            Act.UPLOAD_VERSION,
            kind="field_mapping",
            id=layer_code,
            before=before,
            after=after,
        )
    return after
