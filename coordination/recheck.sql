-- Which sites a difference touches; of the one that was computed last in this transaction. `goes_by_shape`: rules of
-- the layer go by the whole shape of a feature, so that a site anywhere in one that changed is touched.

-- name: touched_projects
-- Open projects (not cleared) whose present footprint lies in its reach, or as far beyond it as a rule of the layer
-- goes.
SELECT project.id, project.planning_number, project.name, revision.id AS revision_id
FROM coordination.project AS project
CROSS JOIN LATERAL (
    SELECT footprint_revision.id, footprint_revision.footprint
    FROM coordination.footprint_revision
    WHERE footprint_revision.project_id = project.id
    ORDER BY footprint_revision.number DESC
    LIMIT 1
) AS revision
WHERE
    NOT EXISTS (
        SELECT FROM coordination.clearance
        WHERE clearance.project_id = project.id AND clearance.withdrawn_at IS NULL
    )
    AND (
        EXISTS (
            SELECT FROM difference_reach
            WHERE
                difference_reach.reach && ST_Expand(revision.footprint, :beyond_m)
                AND ST_DWithin(revision.footprint, difference_reach.reach, :beyond_m)
        )
        OR EXISTS (
            SELECT FROM blueprint.feature AS changed
            WHERE
                :goes_by_shape AND ST_Intersects(revision.footprint, changed.geom)
                AND (changed.version_id, changed.feature_id) IN (
                    SELECT CAST(:old AS integer), old_feature_id FROM difference_row
                    UNION ALL
                    SELECT CAST(:new AS integer), new_feature_id FROM difference_row
                )
        )
    )
ORDER BY project.id;

-- name: touched_checks
-- Kept checks whose footprint lies in its reach, or as far beyond it as a rule of the layer goes.
SELECT kept.id
FROM coordination."check" AS kept
WHERE
    EXISTS (
        SELECT FROM difference_reach
        WHERE
            difference_reach.reach && ST_Expand(kept.footprint, :beyond_m)
            AND ST_DWithin(kept.footprint, difference_reach.reach, :beyond_m)
    )
    OR EXISTS (
        SELECT FROM blueprint.feature AS changed
        WHERE
            :goes_by_shape AND ST_Intersects(kept.footprint, changed.geom)
            AND (changed.version_id, changed.feature_id) IN (
                SELECT CAST(:old AS integer), old_feature_id FROM difference_row
                UNION ALL
                SELECT CAST(:new AS integer), new_feature_id FROM difference_row
            )
    )
ORDER BY kept.id;
