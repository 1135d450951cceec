"""Reading the data files of the standards; what is wrong in them is said with file and line."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.sentences import Sentence
from blueprint.standards.entries import (
    Code,
    FieldRole,
    FieldStandard,
    FieldType,
    LandUseClass,
    LayerStandard,
    Limit,
    Required,
    Standards,
)

DATA = Path(__file__).parent / "data"
CITY_CODES = "administrative"
"""The list of the city's own administrative codes, which the city profile fills."""

LAND_USE_CODES = "land_use"
_GEOMETRIES = ("polygon", "line", "point")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class _Row:
    """A line of a data file: its cells by column."""

    path: Path
    line: int
    cells: dict[str, str]

    def fault(self, template: str, /, **values: object) -> InvalidInputError:
        return InvalidInputError(
            "{file}:{number}: {what}",
            file=self.path,
            number=self.line,
            what=Sentence(template, **values),
            place=f"{self.path.name}:{self.line}",
        )

    def text(self, column: str) -> str:
        return self.cells[column].strip()

    def needed(self, column: str) -> str:
        if not self.text(column):
            raise self.fault("{column} is empty", column=column)
        return self.text(column)

    def words(self, column: str) -> tuple[str, ...]:
        return tuple(self.text(column).split())

    def take(self, column: str, kind: Callable[[str], _Value], what: Sentence) -> _Value:
        try:
            return kind(self.text(column))
        except ValueError:
            raise self.fault(
                "{column} {text!r} is no {what}", column=column, text=self.text(column), what=what
            ) from None

    def number(self, column: str) -> int | None:
        return self.take(column, int, Sentence("whole number")) if self.text(column) else None

    def one_of(self, column: str, *words: str) -> str:
        if self.text(column) not in words:
            raise self.fault(
                "{column} {text!r} must be one of: {words}",
                column=column,
                text=self.text(column),
                words=words,
            )
        return self.text(column)


@cache
def standards() -> Standards:
    """The standards that come with the product."""
    return read_standards(DATA)


def find_standard(name: str) -> LayerStandard:
    """The standard of that code or alias; NotFoundError says how to see what there is."""
    found = standards().find(name)
    if found is None:
        raise NotFoundError("no standard {name!r}; `blueprint standard list` shows the codes", name=name[:60])
    return found


def read_standards(folder: Path) -> Standards:
    """Read and check the data files of a folder; raises InvalidInputError with file and line."""
    sources = {row.needed("key"): row.needed("text") for row in _rows(folder, "sources.csv", "key text")}
    codes = _codes(folder, sources)
    sets = _field_sets(folder, sources, known=set(codes) | {CITY_CODES, LAND_USE_CODES})
    layers, aliases = _layers(folder, sources, sets)
    return Standards(
        layers=layers,
        aliases=aliases,
        codes=codes,
        land_use=_land_use(folder, sources),
        limits=_limits(folder, sources),
        sources=sources,
    )


def _rows(folder: Path, name: str, columns: str) -> Iterator[_Row]:
    path = folder / name
    try:
        with path.open(encoding="utf-8", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            wanted = columns.split()
            if list(reader.fieldnames or ()) != wanted:
                raise InvalidInputError("{path}:1: the columns must be: {wanted}", path=path, wanted=wanted)
            for cells in reader:
                row = _Row(path, reader.line_num, cells)
                if None in cells or None in cells.values():
                    raise row.fault("the line must have {count} cells", count=len(wanted))
                yield row
    except OSError as error:
        raise InvalidInputError(
            "cannot open {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError("{path}: not a CSV file in UTF-8: {error}", path=path, error=error) from error


def _source(row: _Row, sources: dict[str, str]) -> str:
    for key in row.needed("source").split():
        if key not in sources:
            raise row.fault("source {key!r} is not in sources.csv", key=key)
    return row.text("source")


def _codes(folder: Path, sources: dict[str, str]) -> dict[str, dict[str, Code]]:
    lists: dict[str, dict[str, Code]] = {}
    for row in _rows(folder, "codes.csv", "list code title source unsure"):
        entries = lists.setdefault(row.needed("list"), {})
        code = row.needed("code")
        if code in entries:
            raise row.fault("code {code!r} is in list {row} twice", code=code, row=row.text("list"))
        entries[code] = Code(code, row.needed("title"), _source(row, sources), row.text("unsure"))
    return lists


def _field_sets(
    folder: Path, sources: dict[str, str], known: set[str]
) -> dict[str, tuple[FieldStandard, ...]]:
    columns = "set field title type length decimals required codes range unit role aliases source unsure note"
    sets: dict[str, list[FieldStandard]] = {}
    for row in _rows(folder, "fields.csv", columns):
        field = _field(row, sources, known)
        fields = sets.setdefault(row.needed("set"), [])
        if field.name in {other.name for other in fields}:
            raise row.fault(
                "field {field_name} is in set {row} twice", field_name=field.name, row=row.text("set")
            )
        fields.append(field)
    return {name: tuple(fields) for name, fields in sets.items()}


def _field(row: _Row, sources: dict[str, str], known: set[str]) -> FieldStandard:
    codes = row.text("codes") or None
    if codes is not None and codes not in known:
        raise row.fault("codes {codes!r} is no list of codes.csv", codes=codes)
    least, excluded, most = _range(row)
    return FieldStandard(
        name=row.needed("field"),
        title=row.needed("title"),
        type=row.take("type", FieldType, Sentence("type of field")),
        required=row.take("required", Required, Sentence("M, C or O")),
        length=row.number("length"),
        decimals=row.number("decimals"),
        codes=codes,
        least=least,
        least_excluded=excluded,
        most=most,
        unit=row.one_of("unit", "", "m2", "km2", "ha") or None,
        role=row.take("role", FieldRole, Sentence("role of a field")) if row.text("role") else None,
        aliases=row.words("aliases"),
        source=_source(row, sources),
        unsure=row.text("unsure"),
        note=row.text("note"),
    )


def _range(row: _Row) -> tuple[float | None, bool, float | None]:
    """`>0`, `>=0` or `0..1`."""
    text = row.text("range")
    if not text:
        return None, False, None
    try:
        if text.startswith(">"):
            return float(text.lstrip(">=")), not text.startswith(">="), None
        least, most = text.split("..")
        return float(least), False, float(most)
    except ValueError:
        raise row.fault("range {text!r} must be like >0, >=0 or 0..1", text=text) from None


def _layers(
    folder: Path, sources: dict[str, str], sets: dict[str, tuple[FieldStandard, ...]]
) -> tuple[dict[str, LayerStandard], dict[str, str]]:
    columns = "code title geometry group level aliases class_code fields covers_all overlaps single_part source unsure note"
    layers: dict[str, LayerStandard] = {}
    aliases: dict[str, str] = {}
    rows = list(_rows(folder, "layers.csv", columns))
    for row in rows:
        layer = _layer(row, sources, sets)
        if layer.code in layers:
            raise row.fault("layer {layer_code} is there twice", layer_code=layer.code)
        layers[layer.code] = layer
    for row in rows:
        for alias in row.words("aliases"):
            if alias.upper() in layers or aliases.get(alias.upper(), row.text("code")) != row.text("code"):
                raise row.fault("alias {alias} belongs to another layer", alias=alias)
            aliases[alias.upper()] = row.text("code")
    return layers, aliases


def _layer(row: _Row, sources: dict[str, str], sets: dict[str, tuple[FieldStandard, ...]]) -> LayerStandard:
    unknown = [name for name in row.words("fields") if name not in sets]
    if unknown:
        raise row.fault("fields {unknown} is no set of fields.csv", unknown=unknown)
    fields = tuple(field for name in row.words("fields") for field in sets[name])
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise row.fault("its sets of fields name a field twice")
    return LayerStandard(
        code=row.needed("code").upper(),
        title=row.needed("title"),
        geometry=row.one_of("geometry", *_GEOMETRIES),
        group=row.needed("group"),
        levels=row.words("level"),
        aliases=row.words("aliases"),
        class_code=row.text("class_code") or None,
        covers_all=row.one_of("covers_all", "yes", "no") == "yes",
        forbids_overlaps=row.one_of("overlaps", "forbidden", "allowed") == "forbidden",
        single_part=row.one_of("single_part", "yes", "no") == "yes",
        fields=fields,
        source=_source(row, sources),
        unsure=row.text("unsure"),
        note=row.text("note"),
    )


def _land_use(folder: Path, sources: dict[str, str]) -> dict[str, dict[str, LandUseClass]]:
    columns = "edition code title parent land_class color maps_to_2023 source unsure"
    editions: dict[str, dict[str, LandUseClass]] = {"2020": {}, "2023": {}}
    rows = list(_rows(folder, "land_use.csv", columns))
    for row in rows:
        entries = editions[row.one_of("edition", *editions)]
        code = row.needed("code")
        if code in entries or not code.isdigit() or len(code) not in (2, 4, 6):
            raise row.fault("code {code!r} is there twice, or not of 2, 4 or 6 digits", code=code)
        entries[code] = LandUseClass(
            edition=row.text("edition"),
            code=code,
            title=row.needed("title"),
            parent=row.text("parent") or None,
            land_class=row.needed("land_class"),
            color=row.needed("color"),
            maps_to_2023=row.text("maps_to_2023") or None,
            source=_source(row, sources),
            unsure=row.text("unsure"),
        )
    for row in rows:
        for column, edition in (("parent", row.text("edition")), ("maps_to_2023", "2023")):
            if row.text(column) and row.text(column) not in editions[edition]:
                raise row.fault(
                    "{column} {row!r} is no code of {edition}",
                    column=column,
                    row=row.text(column),
                    edition=edition,
                )
    return editions


def _limits(folder: Path, sources: dict[str, str]) -> dict[str, Limit]:
    return {
        row.needed("name"): Limit(
            name=row.text("name"),
            value=row.take("value", float, Sentence("number")),
            unit=row.needed("unit"),
            title=row.needed("title"),
            source=_source(row, sources),
            unsure=row.text("unsure"),
        )
        for row in _rows(folder, "limits.csv", "name value unit title source unsure")
    }
