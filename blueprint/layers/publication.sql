-- Statements that turn the features of a version into what overlays and reports read.

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

-- name: cut_areas
-- Polygons in pieces of at most 128 vertices, each with both its areas; one that is small enough is its own piece and
-- was measured above. Pieces go in along a Hilbert curve (the order of geometries): those of a place then lie on few
-- pages, of the table and of its index.
INSERT INTO blueprint.part (version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom)
SELECT :version_id, piece.feature_id, FALSE, piece.plane_m2, piece.ellipsoid_m2, piece.geom
FROM (
    SELECT feature_id, plane_m2, ellipsoid_m2, ST_GeometryN(geom, 1) AS geom
    FROM blueprint.feature
    WHERE version_id = :version_id AND ST_Dimension(geom) = 2
        AND ST_NPoints(geom) <= 128 AND ST_NumGeometries(geom) = 1
    UNION ALL
    SELECT cut.feature_id, ST_Area(cut.geom), blueprint.ellipsoid_m2(cut.geom), cut.geom
    FROM (
        SELECT feature_id, ST_Subdivide((ST_Dump(geom)).geom, 128) AS geom
        FROM blueprint.feature
        WHERE version_id = :version_id AND ST_Dimension(geom) = 2
            AND (ST_NPoints(geom) > 128 OR ST_NumGeometries(geom) > 1)
    ) AS cut
) AS piece
ORDER BY piece.geom;

-- name: cut_lines
-- Lines in runs of at most 128 vertices, cut at vertices: no new point, so a line along a boundary stays on it.
INSERT INTO blueprint.part (version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom)
SELECT :version_id, run.feature_id, FALSE, 0, 0, run.geom
FROM (
    SELECT single.feature_id, ST_MakeLine(vertex.geom ORDER BY vertex.path[1]) AS geom
    FROM (
        SELECT feature_id, (ST_Dump(geom)).path AS path, (ST_Dump(geom)).geom AS geom
        FROM blueprint.feature
        WHERE version_id = :version_id AND ST_Dimension(geom) = 1
    ) AS single
    CROSS JOIN LATERAL ST_DumpPoints(single.geom) AS vertex
    CROSS JOIN LATERAL generate_series((vertex.path[1] - 2) / 127, (vertex.path[1] - 1) / 127) AS run_number
    GROUP BY single.feature_id, single.path, run_number
    HAVING count(*) > 1
) AS run;

-- name: cut_points
-- Points one by one.
INSERT INTO blueprint.part (version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom)
SELECT :version_id, feature_id, FALSE, 0, 0, (ST_Dump(geom)).geom
FROM blueprint.feature
WHERE version_id = :version_id AND ST_Dimension(geom) = 0;

-- name: cut_zones
-- The zones of a buffered layer, in pieces like areas.
INSERT INTO blueprint.part (version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom)
SELECT :version_id, piece.feature_id, TRUE, ST_Area(piece.geom),
    blueprint.ellipsoid_m2(piece.geom), piece.geom
FROM (
    SELECT feature_id, ST_Subdivide(zone, 128) AS geom
    FROM blueprint.feature
    WHERE version_id = :version_id AND zone IS NOT NULL
) AS piece;

-- name: analyze
-- Fresh statistics after a large load, so that the planner keeps to the spatial index; by a function of the owner's.
SELECT blueprint.analyze_shapes();
