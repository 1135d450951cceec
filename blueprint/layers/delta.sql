-- A delta put on a version: rows as read in pg_temp.delta_row, what they change in pg_temp.delta_change.

-- name: forget
DROP TABLE IF EXISTS pg_temp.delta_change, pg_temp.delta_row;

-- name: make_rows
-- Rows of the delta's layers, measured as features are: `before` (WHQ), `change` (WHC), `after` (WHH).
CREATE TEMPORARY TABLE delta_row (
    step text,
    number bigint,
    source_id text,
    attributes jsonb,
    plane_m2 double precision,
    ellipsoid_m2 double precision,
    length_m double precision,
    point_count integer,
    zone_plane_m2 double precision,
    zone_ellipsoid_m2 double precision,
    geom geometry,
    zone geometry
) ON COMMIT DROP;

-- name: make_incoming
-- Where the stream of one of its layers lands.
CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT * FROM blueprint.feature WITH NO DATA;

-- name: take_incoming
INSERT INTO delta_row (
    step, number, source_id, attributes, plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2,
    zone_ellipsoid_m2, geom, zone
)
SELECT :step, feature_id, source_id, attributes, plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2,
    zone_ellipsoid_m2, geom, zone
FROM incoming;

-- name: drop_incoming
DROP TABLE incoming;

-- name: has_keys
SELECT count(*) = count(DISTINCT source_id) FROM blueprint.feature WHERE version_id = :base;

-- name: say_changes
-- In a file whose rows say themselves what they are, every row is a change...
INSERT INTO delta_row (step, number, source_id, attributes, geom, zone)
SELECT 'change', number, source_id, attributes, geom, zone
FROM delta_row;

-- name: leave_out_removed
-- ... and those that are removed have no state after.
DELETE FROM delta_row
WHERE step = 'after' AND lower(btrim(attributes ->> :change_field)) = ANY(CAST(:removed AS text[]));

-- name: faulty_rows
-- Rows that name no feature, or the same one again.
SELECT delta_row.number, delta_row.source_id, delta_row.step,
    CASE WHEN delta_row.source_id IS NULL THEN 'no_id' ELSE 'twice' END AS fault
FROM (
    SELECT step, number, source_id,
        row_number() OVER (PARTITION BY step, source_id ORDER BY number) AS nth
    FROM delta_row
) AS delta_row
WHERE delta_row.source_id IS NULL OR (delta_row.nth > 1 AND delta_row.step <> 'change')
ORDER BY delta_row.step, delta_row.number
LIMIT :at_most;

-- name: make_changes
-- One row a feature: what it was in the delta and is to be, what the delta says of it, and the feature of the base.
CREATE TEMPORARY TABLE delta_change ON COMMIT DROP AS
SELECT
    named.source_id,
    base.feature_id AS base_feature_id,
    before.number AS before_number,
    after.number AS after_number,
    coalesce(said.kinds, CAST(ARRAY[] AS text[])) AS kinds,
    coalesce(after.geom IS NOT NULL, FALSE) AS has_shape,
    coalesce(before.number, after.number, said.number) AS number
FROM (SELECT DISTINCT delta_row.source_id FROM delta_row) AS named
LEFT JOIN delta_row AS before ON before.step = 'before' AND before.source_id = named.source_id
LEFT JOIN delta_row AS after ON after.step = 'after' AND after.source_id = named.source_id
LEFT JOIN (
    SELECT delta_row.source_id, min(delta_row.number) AS number,
        array_agg(DISTINCT btrim(delta_row.attributes ->> :change_field)) AS kinds
    FROM delta_row
    WHERE delta_row.step = 'change'
    GROUP BY delta_row.source_id
) AS said ON said.source_id = named.source_id
LEFT JOIN blueprint.feature AS base ON base.version_id = :base AND base.source_id = named.source_id;

-- name: differing_before
-- Features whose state before the change is not what the base has: another shape, or other values of common fields.
SELECT compared.number, compared.source_id, compared.is_shape
FROM (
    SELECT delta_change.number, delta_change.source_id, before.attributes AS before_values,
        base.attributes AS base_values,
        CASE
            WHEN before.geom IS NULL THEN TRUE
            WHEN ST_OrderingEquals(before.geom, base.geom) THEN FALSE
            WHEN ST_Dimension(base.geom) = 2 AND ST_Dimension(before.geom) = 2
                THEN ST_Area(ST_SymDifference(before.geom, base.geom)) > :tolerance_m2
            ELSE ST_HausdorffDistance(before.geom, base.geom) > 0.001
        END AS is_shape
    FROM delta_change
    JOIN delta_row AS before ON before.step = 'before' AND before.source_id = delta_change.source_id
    JOIN blueprint.feature AS base
        ON base.version_id = :base AND base.feature_id = delta_change.base_feature_id
) AS compared
WHERE compared.is_shape OR 0 < (
    SELECT count(*)
    FROM jsonb_object_keys(compared.before_values) AS name
    WHERE jsonb_exists(compared.base_values, name)
        -- As values or as texts: 5 is 5.0, and a field that one file has as text is the same number in the other.
        AND compared.before_values -> name IS DISTINCT FROM compared.base_values -> name
        AND compared.before_values ->> name IS DISTINCT FROM compared.base_values ->> name
)
ORDER BY compared.number
LIMIT :at_most;

-- name: mixed_fields
-- Fields that the base has as numbers and rows of the delta as texts, or the other way round: whether the base's are
-- texts, and whether all texts of the delta are whole numbers that a number keeps.
SELECT given.name, base.kind = 'string' AS is_text,
    given.are_short AND base.kind = 'number' AS is_number
FROM (
    SELECT field.name, array_agg(DISTINCT jsonb_typeof(field.value)) AS kinds,
        bool_and(
            jsonb_typeof(field.value) <> 'string' OR field.value #>> '{}' ~ '^(0|-?[1-9][0-9]{0,14})$'
        ) AS are_short,
        bool_and(
            jsonb_typeof(field.value) <> 'string' OR field.value #>> '{}' ~ '^(0|-?[1-9][0-9]*)$'
        ) AS are_whole
    FROM delta_row
    CROSS JOIN LATERAL jsonb_each(delta_row.attributes) AS field (name, value)
    WHERE jsonb_typeof(field.value) IN ('string', 'number')
    GROUP BY field.name
) AS given
CROSS JOIN LATERAL (
    SELECT jsonb_typeof(feature.attributes -> given.name) AS kind
    FROM blueprint.feature
    WHERE feature.version_id = :base
        AND jsonb_typeof(feature.attributes -> given.name) IN ('string', 'number')
    LIMIT 1
) AS base
WHERE given.kinds <> ARRAY[base.kind]
    AND (base.kind = 'string' OR given.are_whole)
ORDER BY given.name;

-- name: rows_as_text
UPDATE delta_row
SET attributes = jsonb_set(attributes, ARRAY[:name], to_jsonb(attributes ->> :name))
WHERE jsonb_typeof(attributes -> :name) = 'number';

-- name: rows_as_numbers
UPDATE delta_row
SET attributes = jsonb_set(attributes, ARRAY[:name], to_jsonb(CAST(attributes ->> :name AS numeric)))
WHERE jsonb_typeof(attributes -> :name) = 'string';

-- name: features_as_text
-- What the base has as numbers, where a row has more digits than a number keeps.
UPDATE blueprint.feature
SET attributes = jsonb_set(attributes, ARRAY[:name], to_jsonb(attributes ->> :name))
WHERE version_id = :version_id AND jsonb_typeof(attributes -> :name) = 'number';

-- name: read_changes
SELECT number, source_id, base_feature_id IS NOT NULL AS is_known, before_number IS NOT NULL AS has_before,
    after_number IS NOT NULL AS has_after, kinds, has_shape
FROM delta_change
ORDER BY number;

-- name: store_changed
-- The features as they are to be; a changed one keeps its number in the layer, and what its row does not give; an
-- added one gets the next number.
INSERT INTO blueprint.feature (
    version_id, feature_id, source_id, attributes, plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2,
    zone_ellipsoid_m2, geom, zone
)
SELECT :version_id,
    coalesce(
        change.base_feature_id,
        (SELECT max(feature_id) FROM blueprint.feature WHERE version_id = :base)
        + row_number() OVER (PARTITION BY change.base_feature_id IS NULL ORDER BY change.number)
    ),
    change.source_id,
    CASE
        WHEN :is_partial AND base.attributes IS NOT NULL THEN base.attributes || jsonb_strip_nulls(after.attributes)
        ELSE after.attributes
    END - CAST(:without AS text[]),
    measured.plane_m2, measured.ellipsoid_m2, measured.length_m, measured.point_count, measured.zone_plane_m2,
    measured.zone_ellipsoid_m2, measured.geom, measured.zone
FROM delta_change AS change
JOIN delta_row AS after ON after.step = 'after' AND after.source_id = change.source_id
LEFT JOIN blueprint.feature AS base
    ON base.version_id = :base AND base.feature_id = change.base_feature_id
CROSS JOIN LATERAL (
    SELECT after.plane_m2, after.ellipsoid_m2, after.length_m, after.point_count, after.zone_plane_m2,
        after.zone_ellipsoid_m2, after.geom, after.zone
    WHERE after.geom IS NOT NULL
    UNION ALL
    SELECT base.plane_m2, base.ellipsoid_m2, base.length_m, base.point_count, base.zone_plane_m2,
        base.zone_ellipsoid_m2, base.geom, base.zone
    WHERE after.geom IS NULL
) AS measured;

-- name: copy_unchanged_features
INSERT INTO blueprint.feature (
    version_id, feature_id, source_id, attributes, geom, zone,
    plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2, zone_ellipsoid_m2
)
SELECT :version_id, feature_id, source_id, attributes, geom, zone,
    plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2, zone_ellipsoid_m2
FROM blueprint.feature
WHERE version_id = :base
    AND NOT EXISTS (SELECT FROM delta_change WHERE delta_change.base_feature_id = feature.feature_id)
ORDER BY feature_id;

-- name: copy_unchanged_parts
INSERT INTO blueprint.part (version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom)
SELECT :version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom
FROM blueprint.part
WHERE version_id = :base
    AND NOT EXISTS (SELECT FROM delta_change WHERE delta_change.base_feature_id = part.feature_id)
ORDER BY part_id;

-- name: copy_unchanged_tile_sheets
-- A sheet keeps what did not change.
INSERT INTO blueprint.tile_sheet (
    version_id, level, extent, feature_ids, are_pieces, labels, source_ids, class_codes, shapes
)
SELECT :version_id, sheet.level, kept.*
FROM blueprint.tile_sheet AS sheet
CROSS JOIN LATERAL (
    SELECT CAST(ST_Extent(ST_GeomFromTWKB(laid.shape)) AS geometry), array_agg(laid.feature_id),
        array_agg(laid.is_piece), array_agg(laid.label), array_agg(laid.source_id),
        array_agg(laid.class_code), array_agg(laid.shape)
    FROM unnest(
        sheet.feature_ids, sheet.are_pieces, sheet.labels, sheet.source_ids, sheet.class_codes, sheet.shapes
    ) AS laid (feature_id, is_piece, label, source_id, class_code, shape)
    WHERE NOT EXISTS (SELECT FROM delta_change WHERE delta_change.base_feature_id = laid.feature_id)
    HAVING count(*) > 0
) AS kept
WHERE sheet.version_id = :base
ORDER BY sheet.sheet_id;

-- name: features_of_rows
-- Which features of the new version the delta's rows of their state after became.
SELECT after.number, feature.feature_id
FROM delta_row AS after
JOIN blueprint.feature ON feature.version_id = :version_id AND feature.source_id = after.source_id
WHERE after.step = 'after' AND after.number = ANY(CAST(:numbers AS bigint[]));

-- name: copy_unchanged_receipts
-- Those of features that keep their shape, whatever else of them changes.
INSERT INTO blueprint.mending (
    version_id, feature_id, reason, before_m2, after_m2, moved_m, original, undone_by, undone_at
)
SELECT :version_id, feature_id, reason, before_m2, after_m2, moved_m, original, undone_by, undone_at
FROM blueprint.mending
WHERE version_id = :base
    AND NOT EXISTS (
        SELECT
        FROM delta_change
        WHERE delta_change.base_feature_id = mending.feature_id
            AND (delta_change.has_shape OR delta_change.after_number IS NULL)
    );

-- name: measure_version
SELECT count(*) AS feature_count, coalesce(sum(ST_NPoints(geom)), 0) AS vertex_count,
    ST_XMin(ST_Extent(geom)) AS west, ST_YMin(ST_Extent(geom)) AS south,
    ST_XMax(ST_Extent(geom)) AS east, ST_YMax(ST_Extent(geom)) AS north
FROM blueprint.feature
WHERE version_id = :version_id;

-- name: states
-- The state before or after of the features that differ between two versions.
SELECT feature.attributes, ST_AsBinary(feature.geom) AS geom
FROM difference_row AS row
JOIN blueprint.feature AS feature
    ON feature.version_id = :version_id
        AND feature.feature_id = CASE WHEN :is_old THEN row.old_feature_id ELSE row.new_feature_id END
WHERE row.change <> 'zone'
ORDER BY feature.feature_id;
