-- name: snapshot
-- Every layer of the catalogue that is in use on the day (or, where also_retired, every one), with its rule, and the
-- version in force on the day where there is one; it is relied on until the plan's own end, or the day by which it was
-- to be reviewed, whichever comes first.
SELECT
    layer.code, layer.title, layer.title_en, layer.department, layer.geometry, layer.control, layer.conflict_when,
    layer.tolerance_m2, layer.sliver_width_m, layer.sensitivity, layer.basis,
    coalesce(version.buffer_m, layer.buffer_m) AS buffer_m, version.buffer_by,
    layer.value_kind, layer.unit, layer.threshold_above, layer.threshold_below, layer.threshold_values,
    layer.threshold_share, raster.object_sha256, raster.pixel_width_m, raster.pixel_height_m,
    version.id AS version_id, version.number AS version, version.source_sha256,
    period.starts_on AS in_force_from, least(version.valid_until, version.review_by) AS valid_until,
    version.has_overlaps, version.coverage IS NOT NULL AS has_coverage, layer.class_field, layer.symbology
FROM blueprint.layer
LEFT JOIN blueprint.in_force_period AS period
    ON period.layer_id = layer.id
        AND period.starts_on <= CAST(:day AS date)
        AND (period.ends_on IS NULL OR period.ends_on > CAST(:day AS date))
LEFT JOIN blueprint.layer_version AS version ON version.id = period.version_id
LEFT JOIN blueprint.raster ON raster.version_id = version.id
WHERE layer.retired_on IS NULL OR layer.retired_on > CAST(:day AS date) OR CAST(:also_retired AS boolean)
-- Whatever collation the database has: a report, and its digest, lists the layers in this order.
ORDER BY layer.code COLLATE "C";
