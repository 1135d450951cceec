-- name: near_features
-- The features within the reach of a layer's particular rules, with those of their parts that lie within it.
SELECT near.version_id, near.feature_id, feature.source_id, feature.attributes, feature.plane_m2, near.shape
FROM (
    SELECT asked.version_id, part.feature_id, ST_AsBinary(ST_Collect(part.geom)) AS shape
    FROM ST_SetSRID(ST_GeomFromWKB(:footprint), :working_srid) AS site
    CROSS JOIN unnest(
        CAST(:version_ids AS integer[]), CAST(:reaches AS double precision[])
    ) AS asked (version_id, reach_m)
    JOIN blueprint.part AS part
        ON part.version_id = asked.version_id AND NOT part.is_zone
            AND part.geom && ST_Expand(site, asked.reach_m) AND ST_DWithin(site, part.geom, asked.reach_m)
    GROUP BY asked.version_id, part.feature_id
) AS near
JOIN blueprint.feature AS feature
    ON feature.version_id = near.version_id AND feature.feature_id = near.feature_id
ORDER BY near.version_id, near.feature_id;

-- name: edge_widths
-- What a version's features have in the field of their own width, each value once.
SELECT DISTINCT attributes ->> CAST(:field AS text) AS width
FROM blueprint.feature
WHERE version_id = :version_id AND attributes ->> CAST(:field AS text) IS NOT NULL;

-- name: measured_shapes
-- How large are these shapes, in the order they are given?
SELECT blueprint.measure_m2(ST_SetSRID(ST_GeomFromWKB(shape.wkb), :working_srid), :on_ellipsoid) AS area_m2
FROM unnest(CAST(:shapes AS bytea[])) WITH ORDINALITY AS shape (wkb, place)
ORDER BY shape.place;
