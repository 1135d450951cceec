-- Statements of the overlay of many sites at once: what is near them is read, and cut by the reader.

-- name: parts_near
-- The parts of these versions whose boxes meet the sites' boxes, by the site's place in the list: one row, every column
-- as the bytes of its values one after another (big-endian), the shapes beside their lengths. Rows take longer to read.
SELECT string_agg(int8send(near.place), '') AS places, string_agg(int4send(near.version_id), '') AS versions,
    string_agg(int8send(near.feature_id), '') AS features, string_agg(boolsend(near.is_zone), '') AS zones,
    string_agg(float8send(near.plane_m2), '') AS plane_m2,
    string_agg(float8send(near.ellipsoid_m2), '') AS ellipsoid_m2,
    string_agg(int4send(length(near.shape)), '') AS lengths, string_agg(near.shape, '') AS shapes
FROM (
    SELECT site.place, part.version_id, part.feature_id, part.is_zone, part.plane_m2, part.ellipsoid_m2,
        ST_AsBinary(part.geom) AS shape
    FROM (
        SELECT given.place, ST_SetSRID(ST_GeomFromWKB(given.shape), :working_srid) AS geom
        FROM unnest(CAST(:sites AS bytea[])) WITH ORDINALITY AS given (shape, place)
    ) AS site
    JOIN blueprint.part AS part ON part.geom && site.geom
    WHERE part.version_id = ANY(CAST(:version_ids AS integer[]))
    ORDER BY site.place, part.version_id, part.feature_id, part.is_zone
) AS near;

-- name: coverages
-- The ground that these versions cover.
SELECT id, ST_AsBinary(coverage) AS coverage
FROM blueprint.layer_version
WHERE id = ANY(CAST(:version_ids AS integer[]));

-- name: features_met
-- What is told of features, and how large they are: one row, as rows without names.
SELECT
    coalesce(
        json_agg(
            json_build_array(
                feature.version_id, feature.feature_id, feature.source_id, feature.attributes, feature.plane_m2,
                feature.ellipsoid_m2, feature.length_m, feature.zone_plane_m2, feature.zone_ellipsoid_m2
            )
        ),
        '[]'
    ) AS told
FROM unnest(CAST(:version_ids AS integer[]), CAST(:feature_ids AS bigint[])) AS met (version_id, feature_id)
JOIN blueprint.feature ON feature.version_id = met.version_id AND feature.feature_id = met.feature_id;

-- name: distances
-- How far from their sites the bodies lie of which only the zones are met, in metres, in the order given.
SELECT ST_Distance(ST_SetSRID(ST_GeomFromWKB(met.site), :working_srid), feature.geom) AS distance_m
FROM unnest(
    CAST(:sites AS bytea[]), CAST(:version_ids AS integer[]), CAST(:feature_ids AS bigint[])
) WITH ORDINALITY AS met (site, version_id, feature_id, place)
JOIN blueprint.feature ON feature.version_id = met.version_id AND feature.feature_id = met.feature_id
ORDER BY met.place;

-- name: equal_area
-- The projection in which areas on the ellipsoid are plane ones; no row where the database measures by geodesics.
SELECT proj4text FROM spatial_ref_sys WHERE srid = :srid;
