"""The result of a batch as a file: workbook, CSV, GeoPackage, JSON; one row a site, and one a site and layer that it meets."""

import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import orjson
import pandas
import shapely

from blueprint.city import City
from blueprint.documents.rendering import XLSX
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from coordination.batch.run import SiteAnswer
from coordination.batch.sites import BatchSite
from coordination.report_words import SEVERITY_WORDS


class BatchForm(StrEnum):
    """The forms of a batch's result."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    GPKG = "gpkg"


MEDIA_TYPES = {
    BatchForm.JSON: "application/json",
    BatchForm.CSV: "text/csv; charset=utf-8",
    BatchForm.XLSX: XLSX,
    BatchForm.GPKG: "application/geopackage+sqlite3",
}

_COLUMNS = (
    "序号 no.",
    "名称 name",
    "拟用途 planned use",
    "最高点高程 highest point m",
    "最重管控 worst control",
    "面积 area m²",
    "禁止 prohibited m²",
    "限制 restricted m²",
    "建议 advised m²",
    "无冲突 conflict-free m²",
    "冲突图层 layers met",
    "受限图层所属部门 restricted layers of",
    "受限图层未答复 restricted layers not answered",
    "超出覆盖 outside coverage of",
    "未能检查 not checked, file unreadable",
    "摘要 digest",
)
_ABOUT = "说明 about"
_NOTES = "读入说明 notes of reading"
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take a cell's text for a formula by, or pass over in front of one (OWASP, CSV injection)."""
_LAYER_COLUMNS = (
    "序号 no.",
    "名称 name",
    "图层 layer",
    "图层名称 title",
    "部门 department",
    "管控 control",
    "压占 m²",
    "占用地 share",
    "长度 length m",
    "点数 points",
)


def summary_of(answers: Sequence[SiteAnswer]) -> dict[str, Any]:
    """How many sites have which verdict, and how many meet which layer."""
    verdicts = {severity: sum(a.verdict == severity for a in answers) for severity in SEVERITY_WORDS}
    layers: dict[str, int] = {}
    titles = {met.code: met.title for answer in answers for met in answer.layers}
    for answer in answers:
        for met in answer.layers:
            layers[met.code] = layers.get(met.code, 0) + 1
    ranked = dict(sorted(layers.items(), key=lambda pair: (-pair[1], pair[0])))
    withheld = sum(answer.restricted_withheld for answer in answers)
    return {
        "sites": len(answers),
        "verdicts": verdicts,
        "layers": ranked,
        "titles": titles,
        "restricted_withheld": withheld,
    }


def write_batch(
    answers: Sequence[SiteAnswer],
    sites: Sequence[BatchSite],
    form: BatchForm,
    *,
    city: City,
    about: str,
    notes: Sequence[str] = (),
) -> bytes:
    """The result as the bytes of a file; `about` says of which day and rules it is, and for whom; `notes` are of the reading and stand once."""
    match form:
        case BatchForm.JSON:
            document = {
                "about": about,
                "notes": notes,
                "summary": summary_of(answers),
                "sites": [asdict(a) for a in answers],
            }
            return orjson.dumps(document)
        case BatchForm.CSV:
            return _csv(answers, about, notes)
        case BatchForm.XLSX:
            return to_xlsx(
                [
                    Sheet("用地 sites", _COLUMNS, [_row(a) for a in answers]),
                    Sheet("用地与图层 site by layer", _LAYER_COLUMNS, _layer_rows(answers)),
                    Sheet(_ABOUT, (_ABOUT,), [(about,), *((note,) for note in _told(notes))]),
                ],
                title=about,
            )
        case BatchForm.GPKG:
            return _geopackage(answers, sites, city, "\n".join((about, *_told(notes))))


def _row(answer: SiteAnswer) -> tuple[Cell, ...]:
    return (
        answer.number,
        answer.name,
        answer.planned_use,
        answer.top_m,
        " ".join(SEVERITY_WORDS[answer.verdict]),
        answer.area_m2,
        answer.prohibited_m2,
        answer.restricted_m2,
        answer.advised_m2,
        answer.conflict_free_m2,
        "；".join(f"{met.code} {SEVERITY_WORDS[met.control][0]}" for met in answer.layers),
        "、".join(answer.restricted),
        "是 yes" if answer.restricted_withheld else "",
        "、".join(answer.outside_coverage),
        "、".join(answer.failed),
        answer.digest,
    )


def _layer_rows(answers: Sequence[SiteAnswer]) -> list[tuple[Cell, ...]]:
    return [
        (
            answer.number,
            answer.name,
            met.code,
            met.title,
            met.department,
            " ".join(SEVERITY_WORDS[met.control]),
            met.overlap_m2,
            met.overlap_share,
            met.length_m,
            met.point_count,
        )
        for answer in answers
        for met in answer.layers
    ]


def _told(notes: Sequence[str]) -> list[str]:
    """The notes under what they are, if there are any."""
    return [f"{_NOTES} {len(notes)}", *notes] if notes else []


def _csv(answers: Sequence[SiteAnswer], about: str, notes: Sequence[str]) -> bytes:
    """With a byte order mark, by which spreadsheets know UTF-8; a text that begins like a formula gets an apostrophe.

    Every row says of which day and rules it is and for whom: one that is cut out says it too. Notes stand once, behind an
    empty line after the last row.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow((*_COLUMNS, _ABOUT))
    writer.writerows(map(_plain, (*_row(answer), about)) for answer in answers)
    if notes:
        writer.writerow(())
        writer.writerows((_plain(text),) for text in _told(notes))
    return buffer.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell


def _geopackage(answers: Sequence[SiteAnswer], sites: Sequence[BatchSite], city: City, about: str) -> bytes:
    """The sites in the working CRS, and a table of what each shares with each layer."""
    shapes = {site.number: site.shape for site in sites}
    names = [name.split(" ", 1)[1].replace(" ", "_").replace("²", "2").replace(".", "") for name in _COLUMNS]
    frame = geopandas.GeoDataFrame(
        dict(zip(names, zip(*map(_row, answers), strict=True), strict=True)),
        geometry=np.asarray(shapely.from_wkb([shapes[answer.number] for answer in answers])),
        crs=city.working_crs,
    )
    met = pandas.DataFrame(
        [
            {"no": answer.number, "name": answer.name, **asdict(layer)}
            for answer in answers
            for layer in answer.layers
        ]
    )
    with tempfile.TemporaryDirectory(prefix="blueprint-batch-") as folder:
        path = Path(folder) / "batch.gpkg"
        frame.to_file(
            path,
            layer="sites",
            driver="GPKG",
            engine="pyogrio",
            layer_options={"DESCRIPTION": about[:10_000]},
        )
        if len(met):
            geopandas.GeoDataFrame(met).to_file(path, layer="site_by_layer", driver="GPKG", engine="pyogrio")
        return path.read_bytes()
