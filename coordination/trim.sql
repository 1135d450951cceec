-- name: setback_places
-- Where a footprint comes nearest to each of some features: from the footprint to the feature, as a line, of no length
-- where they meet.
WITH site AS MATERIALIZED (
    SELECT ST_SetSRID(ST_GeomFromWKB(CAST(:footprint AS bytea)), CAST(:working_srid AS integer)) AS geom
),
asked AS (
    SELECT version_id, feature_id
    FROM unnest(CAST(:version_ids AS integer[]), CAST(:feature_ids AS bigint[])) AS given (version_id, feature_id)
)
SELECT asked.version_id, asked.feature_id, ST_AsBinary(nearest.line) AS line
FROM asked
JOIN blueprint.feature AS feature
    ON feature.version_id = asked.version_id AND feature.feature_id = asked.feature_id
CROSS JOIN site
CROSS JOIN LATERAL (SELECT ST_ShortestLine(site.geom, feature.geom) AS line) AS nearest
WHERE nearest.line IS NOT NULL;
