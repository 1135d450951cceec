"""Layers and versions as the outside sees them."""

from datetime import date

from geoalchemy2.shape import to_shape

from blueprint.city import City
from blueprint.city_router import to_lonlat_bounds
from blueprint.layers import publication
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion
from blueprint.layers.schemas import LayerIn, LayerOut, PeriodOut, RasterOut, VersionOut
from blueprint.permissions import Actor


def in_force_on(layer: Layer, day: date) -> tuple[LayerVersion, InForcePeriod] | None:
    """The version in force on a day and its period."""
    for version in layer.versions:
        for period in version.periods:
            if period.starts_on <= day and (period.ends_on is None or day < period.ends_on):
                return version, period
    return None


def next_after(layer: Layer, day: date) -> tuple[LayerVersion, InForcePeriod] | None:
    """The version that is scheduled to come into force next after a day, and its period."""
    planned = [
        (version, period)
        for version in layer.versions
        for period in version.periods
        if period.starts_on > day and (period.ends_on is None or period.ends_on > period.starts_on)
    ]
    return min(planned, key=lambda each: each[1].starts_on, default=None)


def layer_out(layer: Layer, city: City, today: date) -> LayerOut:
    """A layer as the outside sees it."""
    version, period = in_force_on(layer, today) or (None, None)
    following, planned = next_after(layer, today) or (None, None)
    days = [day for day in (version.valid_until, version.review_by) if day is not None] if version else []
    names = {department.code: department.name for department in city.departments}
    groups: dict[str | None, str | None] = {group.code: group.name for group in city.layer_groups}
    return LayerOut(
        **{name: getattr(layer, name) for name in LayerIn.model_fields if name in LayerOut.model_fields},
        department_name=names.get(layer.department, layer.department),
        group_name=groups.get(layer.group, layer.group),
        retired_on=layer.retired_on,
        retired_reason=layer.retired_reason,
        version=version.number if version is not None else None,
        in_force_from=period.starts_on if period is not None else None,
        valid_until=min(days, default=None),
        next_version=following.number if following is not None else None,
        next_from=planned.starts_on if planned is not None else None,
        feature_count=version.feature_count if version is not None else None,
        extent=list(to_lonlat_bounds(to_shape(version.extent).bounds, city)) if version is not None else None,
    )


def version_told(layer: Layer, version: LayerVersion, actor: Actor, city: City, today: date) -> VersionOut:
    """A version as the actor sees it: who did what is named to those who are signed in, to others the department."""
    out = version_out(layer, version, city, today)
    if actor.signed_in:
        return out
    own = layer.department
    periods = [period.model_copy(update={"decided_by": own}) for period in out.periods]
    confirmed_by = own if out.warnings_confirmed_by is not None else None
    return out.model_copy(
        update={"uploaded_by": own, "warnings_confirmed_by": confirmed_by, "periods": periods}
    )


def version_out(layer: Layer, version: LayerVersion, city: City, today: date) -> VersionOut:
    """A version as the outside sees it."""
    return VersionOut(
        layer=layer.code,
        number=version.number,
        state=str(publication.state_on(version, today)),
        source_name=version.source_name,
        source_sha256=version.source_sha256,
        source_crs=version.source_crs,
        operation=version.operation,
        operation_accuracy_m=version.operation_accuracy_m,
        buffer_m=version.buffer_m,
        feature_count=version.feature_count,
        vertex_count=version.vertex_count,
        mended_count=version.quality["mended_count"],
        is_flattened=any(issue["rule"] == "dimension" for issue in version.quality["issues"]),
        standard=version.standard,
        checked_at=version.checked_at,
        error_count=(version.issue_counts or {}).get("error", 0),
        warning_count=(version.issue_counts or {}).get("warning", len(version.quality["issues"])),
        warnings_confirmed_by=version.warnings_confirmed_by,
        warnings_confirmed_at=version.warnings_confirmed_at,
        warnings_reason=version.warnings_reason,
        valid_until=version.valid_until,
        review_by=version.review_by,
        base=version.base.number if version.base is not None else None,
        extent=list(to_lonlat_bounds(to_shape(version.extent).bounds, city)),
        has_coverage=version.coverage is not None,
        is_place_confirmed=bool(version.quality["placed_on"]) if "placed_on" in version.quality else None,
        uploaded_by=version.uploaded_by,
        uploaded_at=version.uploaded_at,
        withdrawn_on=version.withdrawn_on,
        periods=[
            PeriodOut(starts_on=p.starts_on, ends_on=p.ends_on, decided_by=p.decided_by)
            for p in version.periods
        ],
        raster=RasterOut(**version.raster.statistics()) if version.raster is not None else None,
    )
