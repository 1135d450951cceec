"""Shapes of the standards over HTTP."""

from pydantic import BaseModel

from blueprint.standards.entries import LayerStandard, Standards


class StandardSummary(BaseModel):
    """A layer of the standards, without its fields."""

    code: str
    title: str
    geometry: str
    group: str
    levels: list[str]
    aliases: list[str]
    class_code: str | None
    field_count: int
    unsure: str


class StandardPage(BaseModel):
    """All layers of the standards."""

    items: list[StandardSummary]
    next: str | None = None


class CodeOut(BaseModel):
    """A code of a list."""

    code: str
    title: str
    edition: str | None = None
    unsure: str = ""


class FieldStandardOut(BaseModel):
    """A field; `required` is M, C or O, `range` an interval, `source` what it was taken from, `unsure` what to check first."""

    name: str
    title: str
    type: str
    length: int | None
    decimals: int | None
    required: str
    codes: str | None
    range: str | None
    unit: str | None
    role: str | None
    aliases: list[str]
    source: str
    unsure: str
    note: str


class StandardOut(StandardSummary):
    """A layer with its fields, the code lists these take, and where all of it was read."""

    covers_all: bool
    forbids_overlaps: bool
    single_part: bool
    fields: list[FieldStandardOut]
    codes: dict[str, list[CodeOut]]
    source: str
    sources: dict[str, str]
    note: str


def summary_of(layer: LayerStandard) -> StandardSummary:
    """A layer's line in the list."""
    return StandardSummary(
        code=layer.code,
        title=layer.title,
        geometry=layer.geometry,
        group=layer.group,
        levels=list(layer.levels),
        aliases=list(layer.aliases),
        class_code=layer.class_code,
        field_count=len(layer.fields),
        unsure=layer.unsure,
    )


def standard_out(layer: LayerStandard, standards: Standards) -> StandardOut:
    """A layer as the outside sees it."""
    keys = {key for text in (layer.source, *(f.source for f in layer.fields)) for key in text.split()}
    fields = [
        FieldStandardOut(
            name=f.name,
            title=f.title,
            type=f.type,
            length=f.length,
            decimals=f.decimals,
            required=f.required,
            codes=f.codes,
            range=_range(f.least, f.least_excluded, f.most),
            unit=f.unit,
            role=f.role,
            aliases=list(f.aliases),
            source=f.source,
            unsure=f.unsure,
            note=f.note,
        )
        for f in layer.fields
    ]
    return StandardOut(
        **summary_of(layer).model_dump(),
        covers_all=layer.covers_all,
        forbids_overlaps=layer.forbids_overlaps,
        single_part=layer.single_part,
        fields=fields,
        codes={name: _codes(name, standards) for name in sorted({f.codes for f in layer.fields if f.codes})},
        source=layer.source,
        sources={key: standards.sources[key] for key in sorted(keys)},
        note=layer.note,
    )


def _range(least: float | None, is_excluded: bool, most: float | None) -> str | None:
    if least is None:
        return None
    return f"{'>' if is_excluded else '≥'} {least:g}" if most is None else f"{least:g} … {most:g}"


def _codes(name: str, standards: Standards) -> list[CodeOut]:
    """The list's codes; the administrative ones are the city profile's, which `GET /api/city` tells."""
    if name == "land_use":
        return [
            CodeOut(code=c.code, title=c.title, edition=edition, unsure=c.unsure)
            for edition, classes in sorted(standards.land_use.items(), reverse=True)
            for c in classes.values()
        ]
    return [
        CodeOut(code=c.code, title=c.title, unsure=c.unsure) for c in standards.codes.get(name, {}).values()
    ]
