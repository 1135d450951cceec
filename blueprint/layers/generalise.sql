-- Tile shapes of a version. Shapes of more than 256 vertices are stored in pieces; a tile puts the pieces of a
-- feature together again, so that no cut is ever drawn. Shapes lie in sheets of about a page, along a Hilbert curve
-- (the order of geometries): one entry of the spatial index stands for some twenty of them, so that a large version is
-- stored several times as quickly, and read as quickly.

-- name: forget
DROP TABLE IF EXISTS pg_temp.projected, pg_temp.drawn;

-- name: project
-- What are the features of the version in EPSG:3857, their rings in the direction that vector tiles ask for, and the
-- names that a tile carries?
CREATE TEMPORARY TABLE projected ON COMMIT DROP AS
SELECT
    shape.feature_id,
    shape.label,
    shape.source_id,
    shape.class_code,
    shape.geom,
    ST_Dimension(shape.geom) AS dimension,
    ST_NPoints(shape.geom) AS vertex_count,
    ST_Area(shape.geom) AS area_m2,
    (CAST(hashint8(shape.feature_id) AS double precision) + 2147483648.0) / 4294967296.0 AS chance
FROM (
    SELECT
        feature.feature_id,
        feature.attributes ->> layer.label_field AS label,
        feature.source_id,
        coalesce(feature.attributes ->> layer.class_field, feature.attributes ->> 'YSDM') AS class_code,
        ST_ForcePolygonCW(ST_Transform(feature.geom, 3857)) AS geom
    FROM blueprint.feature
    JOIN blueprint.layer_version AS version ON version.id = feature.version_id
    JOIN blueprint.layer ON layer.id = version.layer_id
    WHERE feature.version_id = :version_id
    OFFSET 0
) AS shape;

-- name: make_drawn
-- Where the shapes of all levels are gathered.
CREATE TEMPORARY TABLE drawn (level smallint, feature_id bigint, is_piece boolean, geom geometry) ON COMMIT DROP;

-- name: draw_full
-- Every feature as it is. Projecting can make a hair's breadth of a shape invalid; only a shape that is to be cut
-- must not be.
INSERT INTO drawn (level, feature_id, is_piece, geom)
SELECT :full_level, feature_id, FALSE, geom
FROM projected
WHERE vertex_count <= 256
UNION ALL
SELECT
    :full_level,
    feature_id,
    TRUE,
    ST_Subdivide(CASE WHEN dimension = 2 AND NOT ST_IsValid(geom) THEN ST_Buffer(geom, 0) ELSE geom END, 256)
FROM projected
WHERE vertex_count > 256;

-- name: draw_areas
-- Areas on each level. Simplifying can make small loops, which are dropped from a shape that is to be cut; a narrow
-- area that would collapse keeps its width.
INSERT INTO drawn (level, feature_id, is_piece, geom)
WITH simple AS (
    SELECT
        level.level,
        projected.feature_id,
        projected.area_m2,
        level.smallest_m2,
        level.pixel_m,
        projected.geom AS original,
        CASE
            WHEN projected.area_m2 < level.smallest_m2
                THEN ST_Expand(ST_Centroid(projected.geom), sqrt(level.smallest_m2) / 2)
            ELSE ST_Simplify(projected.geom, level.pixel_m / 2, TRUE)
        END AS geom
    FROM projected
    CROSS JOIN
        unnest(
            CAST(:levels AS integer[]),
            CAST(:pixels_m AS double precision[]),
            CAST(:smallest_m2 AS double precision[])
        ) AS level (level, pixel_m, smallest_m2)
    WHERE projected.dimension = 2
        AND (
            projected.area_m2 >= level.smallest_m2
            OR projected.chance < projected.area_m2 / level.smallest_m2
        )
    OFFSET 0
),

mended AS (
    SELECT
        level,
        feature_id,
        area_m2,
        original,
        pixel_m,
        CASE WHEN ST_NPoints(geom) > 256 AND NOT ST_IsValid(geom) THEN ST_Buffer(geom, 0) ELSE geom END AS geom
    FROM simple
    OFFSET 0
),

kept AS (
    SELECT
        level,
        feature_id,
        CASE
            WHEN ST_Area(geom) >= area_m2 / 2 THEN geom
            ELSE ST_SimplifyPreserveTopology(original, pixel_m / 8)
        END AS geom
    FROM mended
    OFFSET 0
)

SELECT level, feature_id, FALSE, geom
FROM kept
WHERE ST_NPoints(geom) <= 256
UNION ALL
SELECT level, feature_id, TRUE, ST_Subdivide(geom, 256)
FROM kept
WHERE ST_NPoints(geom) > 256;

-- name: draw_lines
-- Lines on each level, simplified and never lost.
INSERT INTO drawn (level, feature_id, is_piece, geom)
SELECT
    level.level,
    projected.feature_id,
    projected.vertex_count > 256,
    ST_Subdivide(ST_Simplify(projected.geom, level.pixel_m / 2, TRUE), 256)
FROM projected
CROSS JOIN
    unnest(CAST(:levels AS integer[]), CAST(:pixels_m AS double precision[])) AS level (level, pixel_m)
WHERE projected.dimension = 1;

-- name: draw_points
-- Of the points in one cell of a level's grid, one.
INSERT INTO drawn (level, feature_id, is_piece, geom)
SELECT DISTINCT ON (level.level, ST_SnapToGrid(ST_Centroid(projected.geom), level.cell_m))
    level.level,
    projected.feature_id,
    FALSE,
    projected.geom
FROM projected
CROSS JOIN
    unnest(CAST(:levels AS integer[]), CAST(:cells_m AS double precision[])) AS level (level, cell_m)
WHERE projected.dimension = 0
ORDER BY level.level, ST_SnapToGrid(ST_Centroid(projected.geom), level.cell_m), projected.chance;

-- name: store_sheets
-- The shapes of every level in sheets of some 6 kB, which a page holds with the rest of the row.
INSERT INTO blueprint.tile_sheet (
    version_id, level, extent, feature_ids, are_pieces, labels, source_ids, class_codes, geoms
)
SELECT
    :version_id, shape.level, ST_SetSRID(CAST(ST_Extent(shape.geom) AS geometry), 3857),
    array_agg(shape.feature_id), array_agg(shape.is_piece), array_agg(named.label),
    array_agg(named.source_id), array_agg(named.class_code), array_agg(shape.geom)
FROM (
    SELECT
        level, feature_id, is_piece, geom,
        CAST(sum(ST_MemSize(geom) + 60) OVER (
            PARTITION BY level ORDER BY geom, feature_id ROWS UNBOUNDED PRECEDING
        ) AS bigint) / 6000 AS number
    FROM drawn
) AS shape
JOIN projected AS named ON named.feature_id = shape.feature_id
GROUP BY shape.level, shape.number
ORDER BY shape.level, shape.number;
