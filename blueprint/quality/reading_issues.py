"""What reading a version's file noted, as issues of its check; a mending that was undone is an error instead."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from blueprint.layers.mending import place_of, reason_said
from blueprint.layers.models import LayerVersion
from blueprint.quality.kinds import Level, kinds
from blueprint.quality.models import QualityIssue, mending
from blueprint.sentences import Sentence

MENDED, UNDONE = "geometry-mended", "mending-undone"


def keep_reading(session: Session, version: LayerVersion, *, only: str | None = None) -> dict[Level, int]:
    """Keep what reading the file noted, in the words of the catalogue, and which mendings are undone; the counts by level.

    With `only` what it noted of that kind alone, beside the mendings undone.
    """
    levels = dict.fromkeys(Level, 0)
    undone = session.execute(
        select(mending.c.feature_id, mending.c.reason)
        .where(mending.c.version_id == version.id, mending.c.undone_at.is_not(None))
        .order_by(mending.c.feature_id)
    ).all()
    features = {row.feature_id for row in undone}
    rows: list[dict[str, Any]] = []
    for noted in version.quality.get("issues", []):
        kind = noted["rule"] if noted["rule"] in kinds() else "reading-note"
        if (
            kinds()[kind].level is Level.FATAL
        ):  # the file was taken all the same: that part of it was left out
            kind = "reading-note"
        is_undone = kind == MENDED and noted["feature"] in features
        if not is_undone and only in (None, kind):
            detail = noted.get("said", noted["message"])
            rows.append(_issue(version, kind, noted["feature"], detail, noted["place"]))
    for row in undone:
        detail = Sentence("its shape is invalid: {reason}", reason=reason_said(row.reason)).as_json()
        rows.append(_issue(version, UNDONE, row.feature_id, detail, place_of(row.reason)))
    for issue in rows:
        levels[issue["level"]] += 1
    if rows:
        session.execute(insert(QualityIssue), rows)
    return levels


def _issue(
    version: LayerVersion, kind: str, feature: int | None, detail: Any, place: str | None
) -> dict[str, Any]:
    return {
        "version_id": version.id,
        "kind": kind,
        "level": kinds()[kind].level,
        "feature_id": feature,
        "params": {"detail": detail},
        "geom": _point(place, version),
    }


def _point(place: str | None, version: LayerVersion) -> str | None:
    """`x y` as GEOS names a place, as a point of the working CRS."""
    try:
        x, y = (float(part) for part in (place or "").split())
    except ValueError:
        return None
    return f"SRID={version.extent.srid};POINT({x} {y})"
