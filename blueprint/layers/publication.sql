-- Statements that store the features of a version.

-- name: make_incoming
-- Where the stream of the file lands first.
CREATE TEMPORARY TABLE incoming (
    version_id integer,
    feature_id bigint,
    source_id text,
    attributes jsonb,
    geom geometry,
    zone geometry
) ON COMMIT DROP;

-- name: store_features
-- The features with how large, how long, how many they are: measured once and for all.
INSERT INTO blueprint.feature (
    version_id, feature_id, source_id, attributes, geom, zone,
    plane_m2, ellipsoid_m2, length_m, point_count, zone_plane_m2, zone_ellipsoid_m2
)
SELECT version_id, feature_id, source_id, attributes, geom, zone,
    CASE WHEN ST_Dimension(geom) = 2 THEN ST_Area(geom) END,
    CASE WHEN ST_Dimension(geom) = 2 THEN blueprint.ellipsoid_m2(geom) END,
    CASE WHEN ST_Dimension(geom) = 1 THEN ST_Length(geom) END,
    CASE WHEN ST_Dimension(geom) = 0 THEN ST_NumGeometries(geom) END,
    ST_Area(zone),
    blueprint.ellipsoid_m2(zone)
FROM incoming
WHERE version_id = :version_id
ORDER BY feature_id;

-- name: drop_incoming
DROP TABLE incoming;
