-- How two versions differ: features paired into pg_temp.difference_row, patches cut into pg_temp.difference_patch,
-- and into pg_temp.difference_reach where a footprint may notice the difference.

-- name: forget
DROP TABLE IF EXISTS pg_temp.difference_reach, pg_temp.difference_patch, pg_temp.difference_row;

-- name: has_keys
-- Whether every feature of both versions has a source id that is unique in its version.
SELECT coalesce(bool_and(features = keys), TRUE)
FROM (
    SELECT count(*) AS features, count(DISTINCT source_id) AS keys
    FROM blueprint.feature
    WHERE version_id IN (:old, :new)
    GROUP BY version_id
) AS counted;

-- name: pair_by_source_id
-- A feature is the same when its source id is; its shape is compared vertex by vertex, wherever a ring begins and
-- whichever way it runs, as programmes write them differently; which way a line runs is its own.
-- What did not change is left out.
-- `zone`: its buffer alone is another, as where the layer's widths were changed since.
CREATE TEMPORARY TABLE difference_row ON COMMIT DROP AS
SELECT paired.change, paired.source_id, paired.old_feature_id, paired.new_feature_id, paired.fields
FROM (
    SELECT
        coalesce(new.source_id, old.source_id) AS source_id,
        old.feature_id AS old_feature_id,
        new.feature_id AS new_feature_id,
        CASE
            WHEN old.feature_id IS NULL THEN 'added'
            WHEN new.feature_id IS NULL THEN 'removed'
            WHEN
                NOT ST_OrderingEquals(old.geom, new.geom)
                AND NOT (
                    ST_Dimension(new.geom) = 2
                    AND ST_OrderingEquals(ST_Normalize(ST_Multi(old.geom)), ST_Normalize(ST_Multi(new.geom)))
                )
                THEN 'shape'
            WHEN changed.fields IS NOT NULL THEN 'attributes'
            WHEN NOT coalesce(old.zone = new.zone, old.zone IS NULL AND new.zone IS NULL) THEN 'zone'
        END AS change,
        changed.fields
    FROM (
        SELECT source_id, feature_id, geom, zone, attributes FROM blueprint.feature WHERE version_id = :old
    ) AS old
    FULL JOIN (
        SELECT source_id, feature_id, geom, zone, attributes FROM blueprint.feature WHERE version_id = :new
    ) AS new
        ON new.source_id = old.source_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN old.attributes <> new.attributes THEN NULLIF(ARRAY(
            SELECT name
            FROM jsonb_object_keys(old.attributes || new.attributes) AS name
            WHERE old.attributes -> name IS DISTINCT FROM new.attributes -> name
                -- A field that is kept as digits in one version and as numbers in the other has not changed.
                AND NOT coalesce(old.attributes ->> name = new.attributes ->> name, FALSE)
            ORDER BY name
        ), CAST('{}' AS text[])) END AS fields
    ) AS changed
) AS paired
WHERE paired.change IS NOT NULL;

-- name: pair_by_shape
-- Without keys a feature is the same when its shape is, told as by source id: of areas vertex by vertex wherever a ring
-- begins and whichever way it runs, of lines also by which way. The n-th of equal shapes meets the n-th.
CREATE TEMPORARY TABLE difference_row ON COMMIT DROP AS
WITH shaped AS MATERIALIZED (
    SELECT
        version_id, source_id, feature_id, zone, attributes,
        md5(ST_AsBinary(CASE WHEN ST_Dimension(geom) = 2 THEN ST_Normalize(ST_Multi(geom)) ELSE geom END)) AS shape
    FROM blueprint.feature
    WHERE version_id IN (:old, :new)
)
SELECT paired.change, paired.source_id, paired.old_feature_id, paired.new_feature_id, paired.fields
FROM (
    SELECT
        coalesce(new.source_id, old.source_id) AS source_id,
        old.feature_id AS old_feature_id,
        new.feature_id AS new_feature_id,
        CASE
            WHEN old.feature_id IS NULL THEN 'added'
            WHEN new.feature_id IS NULL THEN 'removed'
            WHEN changed.fields IS NOT NULL THEN 'attributes'
            WHEN NOT coalesce(old.zone = new.zone, old.zone IS NULL AND new.zone IS NULL) THEN 'zone'
        END AS change,
        changed.fields
    FROM (
        SELECT
            source_id, feature_id, zone, attributes, shape,
            row_number() OVER (PARTITION BY shape ORDER BY attributes) AS nth
        FROM shaped
        WHERE version_id = :old
    ) AS old
    FULL JOIN (
        SELECT
            source_id, feature_id, zone, attributes, shape,
            row_number() OVER (PARTITION BY shape ORDER BY attributes) AS nth
        FROM shaped
        WHERE version_id = :new
    ) AS new
        ON new.shape = old.shape AND new.nth = old.nth
    CROSS JOIN LATERAL (
        SELECT CASE WHEN old.attributes <> new.attributes THEN NULLIF(ARRAY(
            SELECT name
            FROM jsonb_object_keys(old.attributes || new.attributes) AS name
            WHERE old.attributes -> name IS DISTINCT FROM new.attributes -> name
                -- A field that is kept as digits in one version and as numbers in the other has not changed.
                AND NOT coalesce(old.attributes ->> name = new.attributes ->> name, FALSE)
            ORDER BY name
        ), CAST('{}' AS text[])) END AS fields
    ) AS changed
) AS paired
WHERE paired.change IS NOT NULL;

-- name: cut_patches
-- Where the difference lies: what was added and removed whole, what a changed shape gained and lost, and features of
-- which only attributes or the buffer changed.
CREATE TEMPORARY TABLE difference_patch ON COMMIT DROP AS
WITH changed AS MATERIALIZED (
    SELECT
        row.change, row.source_id, row.old_feature_id, row.new_feature_id, row.fields,
        old.geom AS old_geom, new.geom AS new_geom
    FROM difference_row AS row
    LEFT JOIN blueprint.feature AS old ON old.version_id = :old AND old.feature_id = row.old_feature_id
    LEFT JOIN blueprint.feature AS new ON new.version_id = :new AND new.feature_id = row.new_feature_id
),
patch AS (
    SELECT
        change, source_id, old_feature_id, new_feature_id, fields,
        coalesce(new_geom, old_geom) AS geom
    FROM changed
    WHERE change <> 'shape'
    UNION ALL
    SELECT
        'gained', source_id, old_feature_id, new_feature_id, fields,
        ST_CollectionExtract(ST_Difference(new_geom, old_geom), ST_Dimension(new_geom) + 1)
    FROM changed
    WHERE change = 'shape'
    UNION ALL
    SELECT
        'lost', source_id, old_feature_id, new_feature_id, fields,
        ST_CollectionExtract(ST_Difference(old_geom, new_geom), ST_Dimension(old_geom) + 1)
    FROM changed
    WHERE change = 'shape'
)
SELECT
    patch.change, patch.source_id, patch.old_feature_id, patch.new_feature_id, patch.fields, patch.geom,
    CASE
        WHEN ST_Dimension(patch.geom) = 2 THEN blueprint.measure_m2(patch.geom, :on_ellipsoid) ELSE 0
    END AS area_m2,
    CASE WHEN ST_Dimension(patch.geom) = 1 THEN ST_Length(patch.geom) ELSE 0 END AS length_m
FROM patch
WHERE NOT ST_IsEmpty(patch.geom);

-- name: cut_reach
-- What a footprint meets of a feature is its zone, or its shape where it has none. A footprint notices the difference
-- where only one of the versions has something to meet, and near what was moved within its zone; anywhere in a feature
-- whose attributes changed, as rules go by them; and where only one of the versions covers the ground.
CREATE TEMPORARY TABLE difference_reach ON COMMIT DROP AS
WITH changed AS MATERIALIZED (
    SELECT
        row.fields IS NULL AND ST_Dimension(coalesce(old.zone, old.geom)) = ST_Dimension(coalesce(new.zone, new.geom))
            AS is_moved,
        coalesce(old.zone, old.geom) AS old_reach,
        coalesce(new.zone, new.geom) AS new_reach,
        old.geom AS old_geom, new.geom AS new_geom,
        -- A zone's box is wider than its feature's by as much as the zone is wide.
        greatest(ST_XMin(old.geom) - ST_XMin(old.zone), ST_XMin(new.geom) - ST_XMin(new.zone)) AS zone_m
    FROM difference_row AS row
    LEFT JOIN blueprint.feature AS old ON old.version_id = :old AND old.feature_id = row.old_feature_id
    LEFT JOIN blueprint.feature AS new ON new.version_id = :new AND new.feature_id = row.new_feature_id
),
reaches AS (
    SELECT CASE WHEN is_moved THEN ST_Difference(old_reach, new_reach) ELSE old_reach END AS reach
    FROM changed
    UNION ALL
    SELECT CASE WHEN is_moved THEN ST_Difference(new_reach, old_reach) ELSE new_reach END
    FROM changed
    UNION ALL
    -- In a zone that both have, the distance to what is drawn, and what of that is met, are others as far from where it
    -- changed as the zone goes.
    SELECT ST_Expand(ST_Envelope(piece.geom), changed.zone_m)
    FROM changed
    CROSS JOIN LATERAL ST_Subdivide(ST_SymDifference(changed.old_geom, changed.new_geom), 64) AS piece (geom)
    WHERE changed.is_moved AND changed.zone_m > 0
    UNION ALL
    -- A version that does not say in which extent it knows covers all ground.
    SELECT ST_CollectionExtract(
        ST_SymDifference(coalesce(old.coverage, world.ground), coalesce(new.coverage, world.ground)), 3
    )
    FROM blueprint.layer_version AS old
    CROSS JOIN blueprint.layer_version AS new
    CROSS JOIN LATERAL (
        SELECT ST_MakeEnvelope(-1e8, -1e8, 1e8, 1e8, ST_SRID(coalesce(old.coverage, new.coverage))) AS ground
    ) AS world
    WHERE old.id = :old AND new.id = :new AND coalesce(old.coverage, new.coverage) IS NOT NULL
        AND NOT coalesce(old.coverage = new.coverage, FALSE)
)
SELECT reach
FROM reaches
WHERE NOT ST_IsEmpty(reach);

-- name: make_raster_patches
-- The same tables for versions of a raster, which have no features: patches are where pixels changed.
CREATE TEMPORARY TABLE difference_row (
    change text, source_id text, old_feature_id bigint, new_feature_id bigint, fields text[]
) ON COMMIT DROP;
CREATE TEMPORARY TABLE difference_patch (
    change text, source_id text, old_feature_id bigint, new_feature_id bigint, fields text[],
    geom geometry, area_m2 double precision, length_m double precision
) ON COMMIT DROP;

-- name: add_raster_patches
INSERT INTO difference_patch (change, geom, area_m2, length_m)
SELECT patch.change, patch.geom, blueprint.measure_m2(patch.geom, :on_ellipsoid), 0
FROM (
    SELECT given.change, ST_GeomFromWKB(given.wkb, :srid) AS geom
    FROM unnest(CAST(:changes AS text[]), CAST(:wkbs AS bytea[])) AS given (change, wkb)
    OFFSET 0
) AS patch;

-- name: measure_blocks
-- How large are these boxes, in the order they are given? Their sides are straight in the working CRS.
SELECT blueprint.measure_m2(
    ST_Segmentize(ST_MakeEnvelope(box.west, box.south, box.east, box.north, :srid), 200), :on_ellipsoid
) AS area_m2
FROM unnest(
    CAST(:wests AS double precision[]), CAST(:souths AS double precision[]),
    CAST(:easts AS double precision[]), CAST(:norths AS double precision[])
) WITH ORDINALITY AS box (west, south, east, north, place)
ORDER BY box.place;

-- name: reach_of_pixels
CREATE TEMPORARY TABLE difference_reach ON COMMIT DROP AS
SELECT geom AS reach FROM difference_patch;

-- name: index_reach
CREATE INDEX ON pg_temp.difference_reach USING gist (reach);

-- name: count_rows
SELECT
    count(*) FILTER (WHERE change = 'added') AS added,
    count(*) FILTER (WHERE change = 'removed') AS removed,
    count(*) FILTER (WHERE change = 'shape') AS changed_shape,
    count(*) FILTER (WHERE change = 'attributes') AS changed_attributes,
    count(*) FILTER (WHERE change = 'zone') AS changed_zone,
    (SELECT count(*) FROM blueprint.feature WHERE version_id = :new) - count(new_feature_id) AS unchanged
FROM difference_row;

-- name: count_fields
-- In how many features does each field differ?
SELECT field, count(*) AS features
FROM difference_row
CROSS JOIN LATERAL unnest(fields) AS field
GROUP BY field
ORDER BY field;

-- name: measure_patches
SELECT
    coalesce(sum(area_m2) FILTER (WHERE change = 'added'), 0) AS added_m2,
    coalesce(sum(area_m2) FILTER (WHERE change = 'removed'), 0) AS removed_m2,
    coalesce(sum(area_m2) FILTER (WHERE change = 'gained'), 0) AS gained_m2,
    coalesce(sum(area_m2) FILTER (WHERE change = 'lost'), 0) AS lost_m2,
    coalesce(sum(length_m) FILTER (WHERE change IN ('added', 'gained')), 0) AS longer_m,
    coalesce(sum(length_m) FILTER (WHERE change IN ('removed', 'lost')), 0) AS shorter_m
FROM difference_patch;

-- name: read_patches
-- The patches, with the values of the fields that differ before and after.
SELECT
    patch.change, patch.source_id, patch.old_feature_id, patch.new_feature_id, patch.area_m2, patch.length_m,
    CASE WHEN patch.fields IS NOT NULL THEN (
        SELECT jsonb_object_agg(field, jsonb_build_array(old.attributes -> field, new.attributes -> field))
        FROM unnest(patch.fields) AS field
    ) END AS fields,
    ST_AsBinary(patch.geom) AS geom
FROM difference_patch AS patch
LEFT JOIN blueprint.feature AS old ON old.version_id = :old AND old.feature_id = patch.old_feature_id
LEFT JOIN blueprint.feature AS new ON new.version_id = :new AND new.feature_id = patch.new_feature_id
ORDER BY coalesce(patch.new_feature_id, patch.old_feature_id), patch.change;
