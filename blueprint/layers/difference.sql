-- How two versions differ.

-- name: has_keys
-- Whether every feature of both versions has a source id that is unique in its version.
SELECT bool_and(features = keys)
FROM (
    SELECT count(*) AS features, count(DISTINCT source_id) AS keys
    FROM blueprint.feature
    WHERE version_id IN (:old, :new)
    GROUP BY version_id
) AS counted;

-- name: by_source_id
-- A feature is the same when its source id is; its shape is compared vertex by vertex.
SELECT
    count(*) FILTER (WHERE old.source_id IS NULL) AS added,
    count(*) FILTER (WHERE new.source_id IS NULL) AS removed,
    count(*) FILTER (WHERE NOT ST_OrderingEquals(old.geom, new.geom)) AS changed_shape,
    count(*) FILTER (WHERE ST_OrderingEquals(old.geom, new.geom) AND old.attributes <> new.attributes)
        AS changed_attributes,
    count(*) FILTER (WHERE ST_OrderingEquals(old.geom, new.geom) AND old.attributes = new.attributes) AS unchanged
FROM (SELECT source_id, geom, attributes FROM blueprint.feature WHERE version_id = :old) AS old
FULL JOIN (SELECT source_id, geom, attributes FROM blueprint.feature WHERE version_id = :new) AS new
    ON new.source_id = old.source_id;

-- name: by_shape
-- Without keys a feature is the same when its shape is, vertex by vertex; the n-th of equal shapes meets the n-th.
SELECT
    count(*) FILTER (WHERE old.shape IS NULL) AS added,
    count(*) FILTER (WHERE new.shape IS NULL) AS removed,
    0 AS changed_shape,
    count(*) FILTER (WHERE old.attributes <> new.attributes) AS changed_attributes,
    count(*) FILTER (WHERE old.attributes = new.attributes) AS unchanged
FROM (
    SELECT md5(ST_AsBinary(geom)) AS shape, attributes,
        row_number() OVER (PARTITION BY md5(ST_AsBinary(geom)) ORDER BY attributes) AS nth
    FROM blueprint.feature
    WHERE version_id = :old
) AS old
FULL JOIN (
    SELECT md5(ST_AsBinary(geom)) AS shape, attributes,
        row_number() OVER (PARTITION BY md5(ST_AsBinary(geom)) ORDER BY attributes) AS nth
    FROM blueprint.feature
    WHERE version_id = :new
) AS new
    ON new.shape = old.shape AND new.nth = old.nth;
