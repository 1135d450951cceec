-- name: boxes
-- The boxes of a version's features, in the order of their ids: what the windows are cut by.
SELECT feature_id, ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM blueprint.feature
WHERE version_id = :version_id
ORDER BY feature_id;

-- name: shapes
-- Some features of a version as WKB.
SELECT feature_id, ST_AsBinary(geom) AS shape
FROM blueprint.feature
WHERE version_id = :version_id AND feature_id = ANY(CAST(:feature_ids AS bigint[]))
ORDER BY feature_id;

-- name: classes
-- The class of each feature of a version, and its area by the measure per plane area.
SELECT attributes ->> :class_field AS class_of, plane_m2,
    CASE WHEN :on_ellipsoid THEN ellipsoid_m2 / plane_m2 ELSE 1 END AS scale
FROM blueprint.feature
WHERE version_id = :version_id
ORDER BY feature_id;

-- name: keep_overlaps
-- What a window found.
INSERT INTO coordination.plan_audit_overlap (audit_id, first_feature_id, second_feature_id, is_sliver, geom)
SELECT :audit_id, found.first_id, found.second_id, found.is_sliver,
    ST_SetSRID(ST_GeomFromWKB(found.shape), :working_srid)
FROM unnest(
    CAST(:first_ids AS bigint[]), CAST(:second_ids AS bigint[]), CAST(:slivers AS boolean[]), CAST(:shapes AS bytea[])
) AS found (first_id, second_id, is_sliver, shape);

-- name: enter_differences
-- The ledger takes over what an audit found. A difference is known by the source ids of its features; one that was
-- settled is open again, one that was accepted stays so unless it grew by more than the tolerance.
INSERT INTO coordination.plan_difference AS known (
    first_layer_id, second_layer_id, first_key, second_key, first_class, second_class, overlap_m2, first_share,
    second_share, is_sliver, state, first_audit_id, last_audit_id, geom
)
SELECT :first_layer_id, :second_layer_id, met.first_key, met.second_key, met.first_class, met.second_class,
    measured.overlap_m2, least(1, measured.overlap_m2 / met.first_m2), least(1, measured.overlap_m2 / met.second_m2),
    met.is_sliver, 'open', :audit_id, :audit_id, met.geom
FROM (
    -- Features of one source id are one.
    SELECT found.first_key, found.second_key, min(found.first_class) AS first_class,
        min(found.second_class) AS second_class, sum(found.first_m2) AS first_m2, sum(found.second_m2) AS second_m2,
        bool_and(found.is_sliver) AS is_sliver,
        CASE
            WHEN count(*) = 1 THEN ST_CollectionHomogenize(ST_Collect(found.geom))
            ELSE ST_UnaryUnion(ST_Collect(found.geom))
        END AS geom
    FROM (
        SELECT coalesce(one.source_id, CAST(one.feature_id AS text)) AS first_key,
            coalesce(other.source_id, CAST(other.feature_id AS text)) AS second_key,
            one.attributes ->> :first_class_field AS first_class,
            other.attributes ->> :second_class_field AS second_class,
            CASE WHEN :on_ellipsoid THEN one.ellipsoid_m2 ELSE one.plane_m2 END AS first_m2,
            CASE WHEN :on_ellipsoid THEN other.ellipsoid_m2 ELSE other.plane_m2 END AS second_m2,
            overlap.is_sliver, overlap.geom
        FROM coordination.plan_audit_overlap AS overlap
        JOIN blueprint.feature AS one
            ON one.version_id = :first_version_id AND one.feature_id = overlap.first_feature_id
        JOIN blueprint.feature AS other
            ON other.version_id = :second_version_id AND other.feature_id = overlap.second_feature_id
        WHERE overlap.audit_id = :audit_id
    ) AS found
    GROUP BY found.first_key, found.second_key
) AS met
CROSS JOIN LATERAL (SELECT blueprint.measure_m2(met.geom, :on_ellipsoid) AS overlap_m2) AS measured
ON CONFLICT (first_layer_id, second_layer_id, first_key, second_key) DO UPDATE SET
    first_class = excluded.first_class,
    second_class = excluded.second_class,
    overlap_m2 = excluded.overlap_m2,
    first_share = excluded.first_share,
    second_share = excluded.second_share,
    is_sliver = excluded.is_sliver,
    geom = excluded.geom,
    last_audit_id = excluded.last_audit_id,
    settled_audit_id = NULL,
    state = CASE
        WHEN known.state = 'accepted' AND excluded.overlap_m2 <= known.accepted_m2 + :tolerance_m2 THEN 'accepted'
        ELSE 'open'
    END,
    -- What was said of one that was settled since is said of another time.
    reason = CASE WHEN known.state <> 'settled' THEN known.reason END,
    decided_by = CASE WHEN known.state <> 'settled' THEN known.decided_by END,
    decided_at = CASE WHEN known.state <> 'settled' THEN known.decided_at END,
    accepted_m2 = CASE WHEN known.state <> 'settled' THEN known.accepted_m2 END;

-- name: settle_differences
-- What an earlier audit of the two layers found and this one does not: one side has yielded.
UPDATE coordination.plan_difference
SET state = 'settled', settled_audit_id = :audit_id
WHERE first_layer_id = :first_layer_id AND second_layer_id = :second_layer_id
    AND last_audit_id <> :audit_id AND state <> 'settled';

-- name: statistics_by_district
-- The same by district: a difference counts where a point inside it lies, once; outside of all outlines in none.
SELECT district.code AS district, known.state, known.first_class, known.second_class, known.is_sliver,
    count(*) AS differences, sum(known.overlap_m2) AS overlap_m2
FROM coordination.plan_difference AS known
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(known.geom) AS geom) AS inner_point
LEFT JOIN LATERAL (
    SELECT outline.code
    FROM unnest(CAST(:codes AS text[]), CAST(:outlines AS bytea[])) AS outline (code, shape)
    WHERE ST_Intersects(ST_SetSRID(ST_GeomFromWKB(outline.shape), :working_srid), inner_point.geom)
    ORDER BY outline.code
    LIMIT 1
) AS district ON TRUE
WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id
GROUP BY district.code, known.state, known.first_class, known.second_class, known.is_sliver
ORDER BY district.code NULLS LAST, known.state, overlap_m2 DESC;

-- name: forget_overlaps
DELETE FROM coordination.plan_audit_overlap
WHERE audit_id = :audit_id;

-- name: statistics
-- How many differences of two layers there are and how large, by state, class pair and whether they are slivers.
SELECT state, first_class, second_class, is_sliver, count(*) AS differences, sum(overlap_m2) AS overlap_m2
FROM coordination.plan_difference
WHERE first_layer_id = :first_layer_id AND second_layer_id = :second_layer_id
GROUP BY state, first_class, second_class, is_sliver
ORDER BY state, overlap_m2 DESC;
