-- Tile shapes of a version, in the units of their level's tiles: 4096 to a tile, from the middle of the world east and
-- north. Shapes of more than 256 vertices are stored in pieces; a tile puts the pieces of a
-- feature together again, so that no cut is ever drawn. Shapes lie in sheets of about a page, along a Hilbert curve
-- (the order of geometries): one entry of the spatial index stands for some twenty of them, so that a large version is
-- stored several times as quickly, and read as quickly.

-- name: forget
DROP TABLE IF EXISTS pg_temp.projected, pg_temp.drawn, pg_temp.density;

-- name: project
-- What are the features of the version in EPSG:3857 (not said in the shapes, which are scaled further on), their rings
-- in the direction that vector tiles ask for, and the names that a tile carries? Their place is their order along a
-- Hilbert curve (the order of geometries).
CREATE TEMPORARY TABLE projected ON COMMIT DROP AS
SELECT
    row_number() OVER (ORDER BY shape.geom) AS place,
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
        ST_SetSRID(ST_ForcePolygonCW(ST_Transform(feature.geom, 3857)), 0) AS geom
    FROM blueprint.feature
    JOIN blueprint.layer_version AS version ON version.id = feature.version_id
    JOIN blueprint.layer ON layer.id = version.layer_id
    WHERE feature.version_id = :version_id
    OFFSET 0
) AS shape;

-- name: make_drawn
-- Where the shapes of all levels are gathered; the pieces of a feature are numbered, a whole one is 0.
CREATE TEMPORARY TABLE drawn (level smallint, place bigint, piece bigint, geom geometry) ON COMMIT DROP;

-- name: draw_full
-- Every feature as it is. Projecting can make a hair's breadth of a shape invalid; only a shape that is to be cut
-- must not be.
INSERT INTO drawn (level, place, piece, geom)
SELECT :full_level, place, 0, geom
FROM projected
WHERE vertex_count <= 256
UNION ALL
SELECT :full_level, projected.place, piece.number, piece.geom
FROM projected
CROSS JOIN LATERAL ST_Subdivide(
    CASE
        WHEN projected.dimension = 2 AND NOT ST_IsValid(projected.geom) THEN ST_Buffer(projected.geom, 0)
        ELSE projected.geom
    END,
    256
) WITH ORDINALITY AS piece (geom, number)
WHERE projected.vertex_count > 256;

-- name: draw_areas
-- Areas on each level. Simplifying can make small loops, which are dropped from a shape that is to be cut; a narrow
-- area that would collapse keeps its width.
INSERT INTO drawn (level, place, piece, geom)
WITH simple AS (
    SELECT
        level.level,
        projected.place,
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
        place,
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
        place,
        CASE
            WHEN ST_Area(geom) >= area_m2 / 2 THEN geom
            ELSE ST_SimplifyPreserveTopology(original, pixel_m / 8)
        END AS geom
    FROM mended
    OFFSET 0
)

SELECT level, place, 0, geom
FROM kept
WHERE ST_NPoints(geom) <= 256
UNION ALL
SELECT kept.level, kept.place, piece.number, piece.geom
FROM kept
CROSS JOIN LATERAL ST_Subdivide(kept.geom, 256) WITH ORDINALITY AS piece (geom, number)
WHERE ST_NPoints(kept.geom) > 256;

-- name: draw_lines
-- Lines on each level, simplified and never lost.
INSERT INTO drawn (level, place, piece, geom)
SELECT
    level.level,
    projected.place,
    CASE WHEN projected.vertex_count > 256 THEN piece.number ELSE 0 END,
    piece.geom
FROM projected
CROSS JOIN
    unnest(CAST(:levels AS integer[]), CAST(:pixels_m AS double precision[])) AS level (level, pixel_m)
CROSS JOIN LATERAL ST_Subdivide(ST_Simplify(projected.geom, level.pixel_m / 2, TRUE), 256)
    WITH ORDINALITY AS piece (geom, number)
WHERE projected.dimension = 1;

-- name: draw_points
-- Of the points in one cell of a level's grid, one.
INSERT INTO drawn (level, place, piece, geom)
SELECT DISTINCT ON (level.level, ST_SnapToGrid(ST_Centroid(projected.geom), level.cell_m))
    level.level,
    projected.place,
    0,
    projected.geom
FROM projected
CROSS JOIN
    unnest(CAST(:levels AS integer[]), CAST(:cells_m AS double precision[])) AS level (level, cell_m)
WHERE projected.dimension = 0
ORDER BY level.level, ST_SnapToGrid(ST_Centroid(projected.geom), level.cell_m), projected.chance;

-- name: weigh
-- How many neighbouring places on each level make some 6 kB of whole shapes?
CREATE TEMPORARY TABLE density ON COMMIT DROP AS
SELECT
    level,
    greatest(1, CAST(6000 * (max(place) - min(place) + 1) / sum(ST_MemSize(geom) + 60) AS bigint)) AS places
FROM drawn
WHERE piece = 0
GROUP BY level;

-- name: sort_large
-- What a step sorts is all of a version; to group it by hashing would take several times as long. In this transaction.
SET LOCAL work_mem = '128MB';
SET LOCAL enable_hashagg = off;
ANALYZE pg_temp.projected, pg_temp.drawn, pg_temp.density;

-- name: sort_as_usual
SET LOCAL work_mem TO DEFAULT;
SET LOCAL enable_hashagg TO DEFAULT;

-- name: store_sheets
-- The shapes of every level in sheets that a page holds with the rest of the row: whole shapes of as many neighbouring
-- places as were weighed, and of a feature in pieces a sheet for each of them. Whole shapes of the generalised levels
-- are laid on the grid of the level's tiles, for a tile of that zoom would do it anyway; what would vanish there is
-- made as wide or long as one unit.
INSERT INTO blueprint.tile_sheet (
    version_id, level, extent, feature_ids, are_pieces, labels, source_ids, class_codes, geoms
)
SELECT
    :version_id, laid.level, CAST(ST_Extent(laid.geom) AS geometry),
    array_agg(named.feature_id), array_agg(laid.piece > 0), array_agg(named.label),
    array_agg(named.source_id), array_agg(named.class_code), array_agg(laid.geom)
FROM (
    SELECT
        shape.level,
        shape.place,
        shape.piece,
        shape.sheet,
        CASE
            WHEN NOT ST_IsEmpty(shape.on_grid) THEN shape.on_grid
            WHEN ST_Dimension(shape.geom) = 2 THEN ST_SnapToGrid(ST_Buffer(shape.geom, 1, 'join=mitre'), 1)
            ELSE ST_SnapToGrid(
                ST_MakeLine(ST_Centroid(shape.geom), ST_Translate(ST_Centroid(shape.geom), 1, 0)), 1
            )
        END AS geom
    FROM (
        SELECT
            scaled.*,
            CASE
                WHEN scaled.piece > 0 OR scaled.level = :full_level THEN scaled.geom
                ELSE ST_SnapToGrid(scaled.geom, 1)
            END AS on_grid
        FROM (
            SELECT
                drawn.level,
                drawn.place,
                drawn.piece,
                CASE WHEN drawn.piece = 0 THEN drawn.place / density.places ELSE -drawn.place END AS sheet,
                ST_Affine(drawn.geom, grid.units_a_metre, 0, 0, grid.units_a_metre, 0, 0) AS geom
            FROM drawn
            JOIN
                unnest(CAST(:grid_levels AS integer[]), CAST(:units_a_metre AS double precision[]))
                    AS grid (level, units_a_metre) ON grid.level = drawn.level
            LEFT JOIN density ON density.level = drawn.level
            OFFSET 0
        ) AS scaled
        OFFSET 0
    ) AS shape
) AS laid
JOIN projected AS named ON named.place = laid.place
GROUP BY laid.level, laid.sheet, laid.piece
ORDER BY laid.level, laid.sheet, laid.piece;
