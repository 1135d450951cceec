"""Keeping the receipts of what reading a file mended, and telling a refused file's issues with their shapes."""

from collections.abc import Sequence
from typing import Any

import shapely
from sqlalchemy import insert
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.layers.models import LayerVersion
from blueprint.quality.kinds import Level, kinds
from blueprint.quality.models import mending
from blueprint.quality.report import Drawn, told_of
from blueprint.sentences import Sentence, sentence_from


class FileRefusedError(InvalidInputError):
    """A file whose features cannot be taken: every issue that was listed, with what can be drawn of it (HTTP 422, exit 2)."""

    def __init__(self, why: Sentence, *, place: str | None, drawn: Sequence[Drawn]) -> None:
        super().__init__(why, place=place)
        self.drawn = drawn
        self.members = {"issues": [issue.told.model_dump(mode="json") for issue in drawn]}


def keep_receipts(
    session: Session, version: LayerVersion, receipts: Sequence[dict[str, Any]], *, srid: int
) -> None:
    """Keep with a version what mending did to its features."""
    if not receipts:
        return
    rows = [
        {
            "version_id": version.id,
            "feature_id": receipt["feature"],
            "reason": receipt["reason"],
            "before_m2": receipt["before_m2"],
            "after_m2": receipt["after_m2"],
            "moved_m": receipt["moved_m"],
            "original": f"SRID={srid};{shapely.to_wkt(shapely.from_wkb(receipt['original']), rounding_precision=-1)}",
        }
        for receipt in receipts
    ]
    session.execute(insert(mending), rows)


def refused(error: InvalidInputError, report: dict[str, Any], *, file: str, city: City) -> FileRefusedError:
    """The error of a file that was read and refused, with the issues of its reading and their readings drawn."""
    drawn = []
    for issue in report["issues"]:
        is_fatal = issue["severity"] == "error"
        fallback = "file-refused" if is_fatal else "reading-note"
        kind = issue["rule"] if issue["rule"] in kinds() else fallback
        level = Level.FATAL if is_fatal else kinds()[kind].level
        for shape in [shapely.from_wkb(text) for text in issue.get("shapes", [])] or [_point(issue["place"])]:
            told = told_of(
                kind,
                level,
                file=file,
                params={"detail": sentence_from(issue["said"])},
                city=city,
                shape=shape,
                row=issue["feature"],
            )
            drawn.append(Drawn(told, shape))
    return FileRefusedError(error.sentence, place=error.place, drawn=drawn)


def _point(place: str | None) -> shapely.Point | None:
    """`x y` as GEOS names a place in the working CRS."""
    try:
        x, y = (float(part) for part in (place or "").split())
    except ValueError:
        return None
    return shapely.Point(x, y)
