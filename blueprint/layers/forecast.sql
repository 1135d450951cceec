-- What putting a version in force changes among the layers; of the difference that was computed last.

-- name: meetings
-- On how many places (pairs of features) do the changed features meet other layers, before and after, and how much?
WITH other AS MATERIALIZED (
    SELECT other.version_id, other.is_zone
    FROM unnest(CAST(:version_ids AS integer[]), CAST(:is_zones AS boolean[])) AS other (version_id, is_zone)
),
mine AS MATERIALIZED (
    SELECT TRUE AS is_new, part.feature_id, part.geom
    FROM difference_row AS row
    JOIN blueprint.part AS part ON part.version_id = :new AND part.feature_id = row.new_feature_id
    WHERE row.change <> 'attributes' AND part.is_zone = :new_is_zone
    UNION ALL
    SELECT FALSE, part.feature_id, part.geom
    FROM difference_row AS row
    JOIN blueprint.part AS part ON part.version_id = :old AND part.feature_id = row.old_feature_id
    WHERE row.change <> 'attributes' AND part.is_zone = :old_is_zone
),
met AS (
    SELECT mine.is_new, mine.feature_id, part.version_id, part.feature_id AS other_feature_id,
        bool_or(ST_Dimension(mine.geom) < 2 OR ST_Dimension(part.geom) < 2) AS is_thin,
        sum(CASE
            WHEN ST_Dimension(mine.geom) = 2 AND ST_Dimension(part.geom) = 2
                THEN blueprint.measure_m2(ST_CollectionExtract(ST_Intersection(mine.geom, part.geom), 3), :on_ellipsoid)
            ELSE 0
        END) AS overlap_m2
    FROM mine
    JOIN blueprint.part AS part ON part.geom && mine.geom AND ST_Intersects(mine.geom, part.geom)
    JOIN other ON other.version_id = part.version_id AND other.is_zone = part.is_zone
    GROUP BY mine.is_new, mine.feature_id, part.version_id, part.feature_id
)
SELECT
    version_id,
    count(*) FILTER (WHERE NOT is_new) AS places_before,
    count(*) FILTER (WHERE is_new) AS places_after,
    coalesce(sum(overlap_m2) FILTER (WHERE is_new), 0) - coalesce(sum(overlap_m2) FILTER (WHERE NOT is_new), 0)
        AS change_m2
FROM met
WHERE is_thin OR overlap_m2 > :noise_m2
GROUP BY version_id;
