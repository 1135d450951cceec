-- name: difference_tile
-- The differences of two layers in a tile. What is smaller than a pixel of a tile of 512 is drawn as that pixel, one
-- for all that lie in it, with their number and sum: at any zoom every difference is somewhere to be seen.
WITH tile AS MATERIALIZED (
    SELECT ST_TileEnvelope(:z, :x, :y) AS geom,
        -- A tile of hundreds of kilometres holds the city or nothing of it; the working CRS is not made for such.
        CASE
            WHEN :z >= 8
                THEN ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), CAST(:working_srid AS integer))
        END AS ground,
        40075016.6855785 / (512 * power(2, :z)) AS pixel
),
met AS MATERIALIZED (
    SELECT known.id, known.state, known.is_sliver, known.overlap_m2, known.first_class, known.second_class,
        ST_Transform(known.geom, 3857) AS geom
    FROM tile
    JOIN coordination.plan_difference AS known ON :z < 8 OR known.geom && tile.ground
    WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id
        AND known.state = ANY(CAST(:states AS text[]))
),
drawn AS (
    SELECT met.id, met.state, met.is_sliver, met.overlap_m2, met.first_class, met.second_class, 1 AS number, met.geom
    FROM met CROSS JOIN tile
    WHERE ST_Area(met.geom) >= tile.pixel * tile.pixel
    UNION ALL
    SELECT min(met.id) AS id, met.state, bool_and(met.is_sliver) AS is_sliver, sum(met.overlap_m2) AS overlap_m2,
        NULL AS first_class, NULL AS second_class, count(*) AS number,
        ST_Expand(ST_SnapToGrid(ST_PointOnSurface(met.geom), tile.pixel), tile.pixel / 2) AS geom
    FROM met CROSS JOIN tile
    WHERE ST_Area(met.geom) < tile.pixel * tile.pixel
    GROUP BY met.state, ST_SnapToGrid(ST_PointOnSurface(met.geom), tile.pixel), tile.pixel
)
SELECT ST_AsMVT(shaped, 'differences', 4096, 'geom', 'id') AS content
FROM (
    SELECT drawn.id, drawn.state, drawn.is_sliver, drawn.overlap_m2, drawn.first_class, drawn.second_class,
        CAST(drawn.number AS integer) AS number, ST_AsMVTGeom(drawn.geom, tile.geom, 4096, 64, TRUE) AS geom
    FROM drawn CROSS JOIN tile
) AS shaped
WHERE shaped.geom IS NOT NULL;

-- name: difference_extent
-- Where the differences of two layers lie: west, south, east, north in the working CRS.
SELECT ST_XMin(whole.box) AS west, ST_YMin(whole.box) AS south, ST_XMax(whole.box) AS east, ST_YMax(whole.box) AS north
FROM (
    SELECT ST_Extent(known.geom) AS box
    FROM coordination.plan_difference AS known
    WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id
) AS whole
WHERE whole.box IS NOT NULL;
