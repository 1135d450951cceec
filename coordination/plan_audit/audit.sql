-- name: classes
-- The class of each feature of a version, and its area by the measure per plane area.
SELECT attributes ->> :class_field AS class_of, plane_m2,
    CASE WHEN :on_ellipsoid THEN ellipsoid_m2 / plane_m2 ELSE 1 END AS scale
FROM blueprint.feature
WHERE version_id = :version_id
ORDER BY feature_id;

-- name: forget_met
DROP TABLE IF EXISTS pg_temp.audit_met;

-- name: gather_met
-- What an audit found, a row a pair. A feature is known by its source id, features of one id as one; a feature without
-- an id by its shape, which another upload does not change.
CREATE TEMPORARY TABLE audit_met ON COMMIT DROP AS
SELECT met.first_key, met.second_key, met.first_class, met.second_class,
    -- As a check tells a sliver: by the city's measure, where a window had plane areas; and the pieces of features of
    -- one id together, since many below the tolerance may be above it.
    CASE
        WHEN measured.overlap_m2 < :tolerance_m2 THEN TRUE
        WHEN NOT met.is_sliver THEN FALSE
        WHEN met.pairs = 1 AND ST_Area(met.geom) >= :tolerance_m2 THEN TRUE
        ELSE ST_IsEmpty(ST_Buffer(met.geom, -:sliver_width_m / 2))
            AND NOT EXISTS (
                SELECT
                FROM ST_Dump(met.geom) AS outline
                WHERE NOT ST_IsEmpty(
                    ST_Buffer(
                        ST_Segmentize(outline.geom, ST_Perimeter(outline.geom) / 12),
                        -:sliver_width_m / 2
                    )
                )
            )
    END AS is_sliver,
    met.geom, measured.overlap_m2,
    least(1, measured.overlap_m2 / met.first_m2) AS first_share,
    least(1, measured.overlap_m2 / met.second_m2) AS second_share
FROM (
    SELECT found.first_key, found.second_key, min(found.first_class) AS first_class,
        min(found.second_class) AS second_class, count(*) AS pairs, bool_and(found.is_sliver) AS is_sliver,
        -- A feature that meets several of one id is there several times, and counts once; those of one shape are one.
        CASE
            WHEN count(*) = 1 OR left(found.first_key, 1) = '@' THEN min(found.first_m2)
            ELSE (
                SELECT sum(once.area_m2)
                FROM (
                    SELECT DISTINCT each.number, each.area_m2
                    FROM unnest(array_agg(found.first_id), array_agg(found.first_m2)) AS each (number, area_m2)
                ) AS once
            )
        END AS first_m2,
        CASE
            WHEN count(*) = 1 OR left(found.second_key, 1) = '@' THEN min(found.second_m2)
            ELSE (
                SELECT sum(once.area_m2)
                FROM (
                    SELECT DISTINCT each.number, each.area_m2
                    FROM unnest(array_agg(found.second_id), array_agg(found.second_m2)) AS each (number, area_m2)
                ) AS once
            )
        END AS second_m2,
        CASE
            WHEN count(*) = 1 THEN ST_CollectionHomogenize(ST_Collect(found.geom))
            ELSE ST_UnaryUnion(ST_Collect(found.geom))
        END AS geom
    FROM (
        SELECT coalesce(one.source_id, '@' || left(md5(ST_AsBinary(ST_Normalize(one.geom))), 16)) AS first_key,
            coalesce(other.source_id, '@' || left(md5(ST_AsBinary(ST_Normalize(other.geom))), 16)) AS second_key,
            one.attributes ->> :first_class_field AS first_class,
            other.attributes ->> :second_class_field AS second_class,
            one.feature_id AS first_id, other.feature_id AS second_id,
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
CROSS JOIN LATERAL (SELECT blueprint.measure_m2(met.geom, :on_ellipsoid) AS overlap_m2) AS measured;

-- name: know_again
-- A feature without an id whose shape was changed: its difference is the one of the ledger that this audit does not
-- name and that shares more than half of the larger of both. So what was accepted or is open stays one difference.
WITH unnamed AS (
    SELECT met.first_key, met.second_key, met.geom
    FROM audit_met AS met
    WHERE (left(met.first_key, 1) = '@' OR left(met.second_key, 1) = '@') AND NOT EXISTS (
        SELECT FROM coordination.plan_difference AS same
        WHERE same.first_layer_id = :first_layer_id AND same.second_layer_id = :second_layer_id
            AND same.first_key = met.first_key AND same.second_key = met.second_key
    )
),
near AS (
    SELECT DISTINCT ON (known.id) known.id, unnamed.first_key, unnamed.second_key, shared.part
    FROM unnamed
    JOIN coordination.plan_difference AS known
        ON known.geom && unnamed.geom AND (left(unnamed.first_key, 1) = '@' OR known.first_key = unnamed.first_key)
        AND (left(unnamed.second_key, 1) = '@' OR known.second_key = unnamed.second_key)
    CROSS JOIN LATERAL (
        SELECT ST_Area(ST_Intersection(known.geom, unnamed.geom))
            / greatest(ST_Area(known.geom), ST_Area(unnamed.geom)) AS part
    ) AS shared
    WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id AND shared.part > 0.5
        AND NOT EXISTS (
            SELECT FROM audit_met AS met
            WHERE met.first_key = known.first_key AND met.second_key = known.second_key
        )
    ORDER BY known.id, shared.part DESC
)
UPDATE coordination.plan_difference AS known
SET first_key = again.first_key, second_key = again.second_key
FROM (
    SELECT DISTINCT ON (near.first_key, near.second_key) near.id, near.first_key, near.second_key
    FROM near
    ORDER BY near.first_key, near.second_key, near.part DESC
) AS again
WHERE known.id = again.id;

-- name: enter_differences
-- The ledger takes over what an audit found: one that was settled is open again, one that was accepted stays so unless
-- it grew by more than the tolerance.
INSERT INTO coordination.plan_difference AS known (
    first_layer_id, second_layer_id, first_key, second_key, first_class, second_class, overlap_m2, first_share,
    second_share, is_sliver, state, first_audit_id, last_audit_id, geom
)
SELECT :first_layer_id, :second_layer_id, met.first_key, met.second_key, met.first_class, met.second_class,
    met.overlap_m2, met.first_share, met.second_share, met.is_sliver, 'open', :audit_id, :audit_id, met.geom
FROM audit_met AS met
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
    yielded = NULL,
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
-- What an earlier audit of the two layers found and this one does not: one side has yielded, the one whose features no
-- longer take the whole of the patch. Where those of both still do, others have come in their place, and none is named.
WITH gone AS MATERIALIZED (
    SELECT known.id, known.geom, ST_Area(known.geom) AS plane_m2, audit.first_version_id, audit.second_version_id
    FROM coordination.plan_difference AS known
    JOIN coordination.plan_audit AS audit ON audit.id = known.last_audit_id
    WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id
        AND known.last_audit_id <> :audit_id AND known.state <> 'settled'
),
-- A side takes what it took as long as its version is the same.
changed AS MATERIALIZED (
    SELECT id, geom, plane_m2, 'first' AS side, first_version_id AS was_id, :first_version_id AS is_id
    FROM gone
    WHERE first_version_id <> :first_version_id
    UNION ALL
    SELECT id, geom, plane_m2, 'second', second_version_id, :second_version_id
    FROM gone
    WHERE second_version_id <> :second_version_id
),
taken AS MATERIALIZED (
    SELECT changed.*, was.has_overlaps OR now.has_overlaps AS has_overlaps,
        (
            SELECT coalesce(sum(ST_Area(ST_Intersection(part.geom, changed.geom))), 0)
            FROM blueprint.part AS part
            WHERE part.geom && changed.geom AND NOT part.is_zone AND part.version_id = changed.is_id
        ) AS taken_m2
    FROM changed
    JOIN blueprint.layer_version AS was ON was.id = changed.was_id
    JOIN blueprint.layer_version AS now ON now.id = changed.is_id
),
yielding AS MATERIALIZED (
    SELECT id, side
    FROM taken
    WHERE taken_m2 < 0.99 * plane_m2
    UNION ALL
    -- Features of one layer that overlap each other: the ground is given up where fewer of them lie than did.
    SELECT taken.id, taken.side
    FROM taken
    CROSS JOIN LATERAL (
        SELECT array_agg(part.geom) AS shapes,
            array_agg(CASE WHEN part.version_id = taken.is_id THEN 1 ELSE -1 END) AS signs,
            ST_UnaryUnion(
                ST_Collect(ST_Collect(ST_Boundary(part.geom)), ST_Boundary(taken.geom)), :noise_m
            ) AS edges
        FROM blueprint.part AS part
        WHERE part.geom && taken.geom AND NOT part.is_zone AND part.version_id IN (taken.is_id, taken.was_id)
            AND ST_Intersects(taken.geom, part.geom)
    ) AS met
    WHERE taken.has_overlaps AND taken.taken_m2 >= 0.99 * taken.plane_m2
        AND 0.01 * taken.plane_m2 < (
            SELECT sum(ST_Area(face.geom))
            FROM ST_Dump(ST_Polygonize(ARRAY[met.edges])) AS face
            CROSS JOIN LATERAL (SELECT ST_PointOnSurface(face.geom) AS geom) AS inner_point
            WHERE ST_Intersects(taken.geom, inner_point.geom) AND 0 > (
                SELECT sum(piece.sign)
                FROM unnest(met.shapes, met.signs) AS piece (geom, sign)
                WHERE ST_Intersects(piece.geom, inner_point.geom)
            )
        )
)
UPDATE coordination.plan_difference AS known
SET state = 'settled', settled_audit_id = :audit_id, yielded = told.yielded
FROM (
    SELECT gone.id, CASE count(yielding.side) WHEN 2 THEN 'both' ELSE min(yielding.side) END AS yielded
    FROM gone
    LEFT JOIN yielding ON yielding.id = gone.id
    GROUP BY gone.id
) AS told
WHERE known.id = told.id;

-- name: standing
-- How the ledger of two layers stands, slivers not counted.
SELECT
    count(*) FILTER (WHERE known.state = 'open') AS open_count,
    coalesce(sum(known.overlap_m2) FILTER (WHERE known.state = 'open'), 0) AS open_m2,
    count(*) FILTER (WHERE known.state = 'accepted') AS accepted_count,
    coalesce(sum(known.overlap_m2) FILTER (WHERE known.state = 'accepted'), 0) AS accepted_m2,
    count(*) FILTER (WHERE known.state = 'settled') AS settled_count
FROM coordination.plan_difference AS known
WHERE known.first_layer_id = :first_layer_id AND known.second_layer_id = :second_layer_id AND NOT known.is_sliver;

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
