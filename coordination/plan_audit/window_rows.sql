-- name: boxes
-- The boxes of a version's features, in the order of their ids: what the windows are cut by. Copied out.
SELECT measured.feature_id, ST_XMin(measured.box) AS west, ST_YMin(measured.box) AS south,
    ST_XMax(measured.box) AS east, ST_YMax(measured.box) AS north
FROM (
    SELECT feature.feature_id, Box3D(feature.geom) AS box
    FROM blueprint.feature
    WHERE feature.version_id = :version_id
    ORDER BY feature.feature_id
    OFFSET 0 -- else each of the four would go through the shape again
) AS measured
ORDER BY measured.feature_id;

-- name: shapes
-- Some features of a version as WKB. Copied out.
SELECT feature_id, ST_AsBinary(geom) AS shape
FROM blueprint.feature
WHERE version_id = :version_id AND feature_id = ANY(CAST(:feature_ids AS bigint[]))
ORDER BY feature_id;

-- name: make_found
-- What a window found is copied into a table of its own first: a table behind the wall takes no COPY.
CREATE TEMPORARY TABLE audit_found (
    audit_id integer, first_feature_id bigint, second_feature_id bigint, is_sliver boolean, geom geometry
) ON COMMIT DROP;

-- name: forget_found
DROP TABLE IF EXISTS pg_temp.audit_found;

-- name: keep_found
INSERT INTO coordination.plan_audit_overlap (audit_id, first_feature_id, second_feature_id, is_sliver, geom)
SELECT found.audit_id, found.first_feature_id, found.second_feature_id, found.is_sliver,
    ST_SetSRID(found.geom, :working_srid)
FROM audit_found AS found;

-- name: which_database
-- What tells one database from every other one, copies of its dump among them.
SELECT system.system_identifier || ' ' || current_database() AS mark
FROM pg_control_system() AS system;
