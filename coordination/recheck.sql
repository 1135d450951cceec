-- Which sites a difference touches; of the one that was computed last in this transaction.

-- name: told_expired
-- The projects of which the last check of their present footprint tells that a layer was past its term, and not asked.
SELECT revision.project_id
FROM (
    SELECT DISTINCT ON (footprint_revision.project_id) footprint_revision.project_id, footprint_revision.id
    FROM coordination.footprint_revision
    ORDER BY footprint_revision.project_id, footprint_revision.number DESC
) AS revision
CROSS JOIN LATERAL (
    SELECT kept.report
    FROM coordination."check" AS kept
    WHERE kept.footprint_revision_id = revision.id
    ORDER BY kept.id DESC
    LIMIT 1
) AS latest
WHERE latest.report @> jsonb_build_object(
    'layers', jsonb_build_array(jsonb_build_object('code', CAST(:code AS text), 'outcome', 'expired'))
);

-- name: touched
-- Of one kind, `project` (open ones, not cleared, by their present footprint) or `check` (kept ones), those whose
-- footprint lies in its reach, or as far beyond it as a rule of the layer goes. `goes_by_shape`: rules of the layer go
-- by the whole shape of a feature, so that a site anywhere in one that changed is touched.
WITH site AS (
    SELECT
        'project' AS kind,
        project.id,
        project.planning_number,
        project.name,
        revision.id AS revision_id,
        revision.footprint
    FROM coordination.project AS project
    CROSS JOIN LATERAL (
        SELECT footprint_revision.id, footprint_revision.footprint
        FROM coordination.footprint_revision
        WHERE footprint_revision.project_id = project.id
        ORDER BY footprint_revision.number DESC
        LIMIT 1
    ) AS revision
    WHERE NOT EXISTS (
        SELECT FROM coordination.clearance
        WHERE clearance.project_id = project.id AND clearance.withdrawn_at IS NULL
    )
    UNION ALL
    SELECT
        'check' AS kind,
        kept.id,
        NULL AS planning_number,
        NULL AS name,
        NULL AS revision_id,
        kept.footprint
    FROM coordination."check" AS kept
)

SELECT site.id, site.planning_number, site.name, site.revision_id
FROM site
WHERE
    site.kind = :kind
    AND (
        EXISTS (
            SELECT FROM difference_reach
            WHERE
                difference_reach.reach && ST_Expand(site.footprint, :beyond_m)
                AND ST_DWithin(site.footprint, difference_reach.reach, :beyond_m)
        )
        OR EXISTS (
            SELECT FROM blueprint.feature AS changed
            WHERE
                :goes_by_shape AND ST_Intersects(site.footprint, changed.geom)
                AND (changed.version_id, changed.feature_id) IN (
                    SELECT CAST(:old AS integer), old_feature_id FROM difference_row
                    UNION ALL
                    SELECT CAST(:new AS integer), new_feature_id FROM difference_row
                )
        )
    )
ORDER BY site.id;
