-- name: features_in_frame
-- The features of some versions that come into a frame, cut to it; at most so many, the largest first. Parts have the
-- index, whole features the outline. The box of a part may come in where the feature does not: the legend names nothing
-- that is not there.
WITH frame AS MATERIALIZED (
    SELECT ST_MakeEnvelope(:west, :south, :east, :north, :working_srid) AS geom
),
near AS (
    SELECT DISTINCT part.version_id, part.feature_id
    FROM frame
    JOIN blueprint.part AS part ON part.geom && frame.geom AND NOT part.is_zone
    WHERE part.version_id = ANY(CAST(:version_ids AS integer[]))
)
SELECT near.version_id, feature.attributes, ST_AsBinary(cut.geom) AS shape
FROM near
JOIN blueprint.feature AS feature ON feature.version_id = near.version_id AND feature.feature_id = near.feature_id
CROSS JOIN frame
CROSS JOIN LATERAL (SELECT ST_ClipByBox2D(feature.geom, frame.geom) AS geom) AS cut
WHERE NOT ST_IsEmpty(cut.geom)
ORDER BY coalesce(feature.plane_m2, 0) DESC, near.feature_id
LIMIT :at_most;
