-- Where points of a file lie against a version that is stored already.

-- name: count_on_version
-- How many points (metres of the working CRS) of each set lie on lines, boundaries or points of the version's features.
SELECT point.number, count(*) AS points
FROM (
    SELECT
        given.number,
        ST_SetSRID(
            ST_MakePoint(given.x, given.y), (SELECT ST_SRID(geom) FROM blueprint.part LIMIT 1)
        ) AS geom
    FROM unnest(
        CAST(:numbers AS integer[]), CAST(:xs AS double precision[]), CAST(:ys AS double precision[])
    ) AS given (number, x, y)
) AS point
WHERE EXISTS (
    SELECT 1
    FROM blueprint.part AS near
    INNER JOIN blueprint.feature AS whole
        ON near.version_id = whole.version_id AND near.feature_id = whole.feature_id
    WHERE near.version_id = :version_id
        AND NOT near.is_zone
        AND near.geom && ST_Expand(point.geom, :within_m)
        AND ST_DWithin(
            CASE WHEN ST_Dimension(whole.geom) = 2 THEN ST_Boundary(whole.geom) ELSE whole.geom END,
            point.geom,
            :within_m
        )
)
GROUP BY point.number;
