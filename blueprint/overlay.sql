-- name: overlaps
-- What every layer in force says of a footprint: one statement, one row. The footprint comes first in every predicate:
-- it is then prepared once. A piece is what the footprint and a part share; whether a feature is met and how much of
-- it is both read off the pieces, so the list of hits and the areas cannot disagree.
WITH site AS MATERIALIZED (
    SELECT geom, ST_Boundary(geom) AS boundary, ST_Area(geom) AS plane_m2, ST_Perimeter(geom) AS perimeter_m,
        blueprint.ellipsoid_m2(geom) AS ellipsoid_m2, ST_NumGeometries(geom) = 1 AS is_one
    FROM ST_SetSRID(ST_GeomFromWKB(:footprint), :working_srid) AS geom
),
rule AS MATERIALIZED (
    SELECT rule.*, version.coverage, version.has_overlaps
    FROM unnest(
        CAST(:version_ids AS integer[]), CAST(:control_ranks AS integer[]), CAST(:outsides AS boolean[]),
        CAST(:buffereds AS boolean[]), CAST(:tolerances AS double precision[]),
        CAST(:sliver_widths AS double precision[])
    ) AS rule (version_id, control_rank, is_outside, is_buffered, tolerance_m2, sliver_width_m)
    JOIN blueprint.layer_version AS version ON version.id = rule.version_id
),
met AS MATERIALIZED (
    SELECT part.version_id, part.feature_id, part.is_zone, part.geom, part.plane_m2, part.ellipsoid_m2,
        ST_Dimension(part.geom) AS dimension, ST_Covers(site.geom, part.geom) AS is_covered,
        -- What meets a site of one piece, but not with its outline, lies around it: told by the prepared footprint.
        part.geom ~ site.geom
        AND (
            (site.is_one AND ST_Dimension(part.geom) = 2 AND NOT ST_Intersects(site.geom, ST_Boundary(part.geom)))
            OR ST_Covers(part.geom, site.geom)
        ) AS is_around
    FROM site
    JOIN blueprint.part AS part ON part.geom && site.geom AND ST_Intersects(site.geom, part.geom)
    WHERE part.version_id = ANY(CAST(:version_ids AS integer[]))
),
clipped AS MATERIALIZED (
    -- What is wholly inside, or lies wholly around, need not be cut, and was measured before.
    SELECT met.version_id, met.feature_id, met.is_zone, met.dimension,
        CASE WHEN met.is_covered THEN met.plane_m2 WHEN met.is_around THEN site.plane_m2 END AS plane_m2,
        CASE WHEN met.is_covered THEN met.ellipsoid_m2 WHEN met.is_around THEN site.ellipsoid_m2 END AS ellipsoid_m2,
        CASE
            WHEN met.is_covered THEN met.geom
            WHEN met.is_around THEN site.geom
            ELSE ST_CollectionExtract(ST_Intersection(site.geom, met.geom), met.dimension + 1)
        END AS geom
    FROM met CROSS JOIN site
),
shared AS MATERIALIZED (
    SELECT clipped.version_id, clipped.feature_id, clipped.is_zone, clipped.dimension, clipped.plane_m2,
        clipped.ellipsoid_m2, clipped.geom
    FROM clipped
    JOIN rule ON rule.version_id = clipped.version_id
    WHERE NOT rule.is_outside AND NOT ST_IsEmpty(clipped.geom)
    UNION ALL
    -- A layer whose outside is the conflict: what of the footprint none of its features covers.
    SELECT rule.version_id, 0, FALSE, 2, NULL, NULL, beyond.geom
    FROM rule
    CROSS JOIN site
    CROSS JOIN LATERAL (
        SELECT coalesce(
            ST_CollectionExtract(ST_Difference(site.geom, ST_Union(clipped.geom)), 3), site.geom
        ) AS geom
        FROM clipped
        WHERE clipped.version_id = rule.version_id
    ) AS beyond
    WHERE rule.is_outside AND NOT ST_IsEmpty(beyond.geom)
),
piece AS MATERIALIZED (
    SELECT shared.version_id, shared.feature_id, shared.is_zone, shared.dimension, shared.geom,
        CASE
            WHEN shared.dimension < 2 THEN 0
            ELSE coalesce(shared.plane_m2, ST_Area(shared.geom))
        END AS plane_m2,
        CASE
            WHEN shared.dimension < 2 THEN 0
            WHEN :on_ellipsoid THEN coalesce(shared.ellipsoid_m2, blueprint.ellipsoid_m2(shared.geom))
            ELSE coalesce(shared.plane_m2, ST_Area(shared.geom))
        END AS overlap_m2,
        CASE WHEN shared.dimension = 2 THEN ST_Perimeter(shared.geom) ELSE 0 END AS perimeter_m,
        CASE WHEN shared.dimension = 1 THEN ST_Length(shared.geom) ELSE 0 END AS length_m,
        CASE WHEN shared.dimension = 0 THEN ST_NumGeometries(shared.geom) ELSE 0 END AS point_count,
        CASE WHEN shared.dimension < 2 THEN ST_CoveredBy(shared.geom, site.boundary) ELSE FALSE END AS is_on_boundary
    FROM shared CROSS JOIN site
),
measured AS MATERIALIZED (
    SELECT version_id, feature_id, is_zone, max(dimension) AS dimension, sum(plane_m2) AS plane_m2,
        sum(overlap_m2) AS overlap_m2, sum(perimeter_m) AS perimeter_m, sum(length_m) AS length_m,
        sum(point_count) AS point_count, bool_and(is_on_boundary) AS is_on_boundary
    FROM piece
    GROUP BY version_id, feature_id, is_zone
    -- Thinner than a micrometre is the rounding of coordinates: that is touching, and touching is no conflict.
    HAVING sum(point_count) > 0 OR sum(length_m) > :noise_m OR 2 * sum(plane_m2) > :noise_m * sum(perimeter_m)
),
thin AS MATERIALIZED (
    -- The opening test: shrunk by half the width nothing is left. Twice area by perimeter sorts out the candidates,
    -- since a shape whose inner circle has radius r has at most the area r times its perimeter.
    -- Of an outline of few corners GEOS at times drops what is left: what seems gone is shrunk once more, outline by
    -- outline, with corners along its edges (`blueprint.slivers` does the same).
    SELECT candidate.version_id, candidate.feature_id, candidate.is_zone
    FROM (
        SELECT measured.version_id, measured.feature_id, measured.is_zone, rule.sliver_width_m / 2 AS half_m,
            ST_Union(piece.geom) AS geom
        FROM measured
        JOIN rule ON rule.version_id = measured.version_id
        JOIN piece
            ON piece.version_id = measured.version_id AND piece.feature_id = measured.feature_id
                AND piece.is_zone = measured.is_zone
        WHERE measured.dimension = 2 AND 2 * measured.plane_m2 <= rule.sliver_width_m * measured.perimeter_m
        GROUP BY measured.version_id, measured.feature_id, measured.is_zone, rule.sliver_width_m
    ) AS candidate
    WHERE ST_IsEmpty(ST_Buffer(candidate.geom, -candidate.half_m))
        AND NOT EXISTS (
            SELECT
            FROM ST_Dump(candidate.geom) AS outline
            WHERE NOT ST_IsEmpty(
                ST_Buffer(
                    ST_Segmentize(outline.geom, ST_Perimeter(outline.geom) / 12),
                    -candidate.half_m
                )
            )
        )
),
judged AS MATERIALIZED (
    -- One row a feature that is met: in a buffered layer by its zone, else by its body. Several features of a layer
    -- that overlap each other count once, which needs their union; the areas of others add up.
    SELECT measured.version_id, measured.feature_id, measured.is_zone, measured.dimension, measured.plane_m2,
        measured.overlap_m2, measured.perimeter_m, body.length_m, body.point_count, body.is_on_boundary,
        body.version_id IS NOT NULL AS is_body_met, rule.control_rank,
        rule.has_overlaps AND count(*) OVER (PARTITION BY measured.version_id) > 1 AS needs_union,
        measured.dimension = 2 AND (measured.overlap_m2 < rule.tolerance_m2 OR thin.version_id IS NOT NULL) AS is_sliver
    FROM measured
    JOIN rule ON rule.version_id = measured.version_id AND rule.is_buffered = measured.is_zone
    LEFT JOIN measured AS body
        ON body.version_id = measured.version_id AND body.feature_id = measured.feature_id AND NOT body.is_zone
    LEFT JOIN thin
        ON thin.version_id = measured.version_id AND thin.feature_id = measured.feature_id
            AND thin.is_zone = measured.is_zone
),
layer_area AS (
    SELECT version_id, sum(overlap_m2) AS overlap_m2
    FROM judged
    WHERE dimension = 2 AND NOT needs_union
    GROUP BY version_id
    UNION ALL
    SELECT judged.version_id,
        CASE
            WHEN :on_ellipsoid THEN blueprint.ellipsoid_m2(ST_Union(piece.geom))
            ELSE ST_Area(ST_Union(piece.geom))
        END
    FROM judged
    JOIN piece
        ON piece.version_id = judged.version_id AND piece.feature_id = judged.feature_id
            AND piece.is_zone = judged.is_zone
    WHERE judged.dimension = 2 AND judged.needs_union
    GROUP BY judged.version_id
),
layer_length AS (
    -- Lines of a layer that lie on each other count once.
    SELECT measured.version_id,
        CASE WHEN count(*) = 1 THEN sum(ST_Length(piece.geom)) ELSE ST_Length(ST_Union(piece.geom)) END AS length_m
    FROM measured
    JOIN piece
        ON piece.version_id = measured.version_id AND piece.feature_id = measured.feature_id
            AND piece.is_zone = measured.is_zone
    WHERE measured.dimension = 1
    GROUP BY measured.version_id
),
given_zone AS MATERIALIZED (
    -- Zones that are no features: where the values of a raster are beyond its layer's threshold.
    SELECT zone.control_rank, ST_SetSRID(ST_GeomFromWKB(zone.wkb), :working_srid) AS geom
    FROM unnest(CAST(:zone_ranks AS integer[]), CAST(:zones AS bytea[])) AS zone (control_rank, wkb)
),
covering AS MATERIALIZED (
    -- The worst control of which one layer covers the whole footprint; nothing is left for what comes after it.
    SELECT coalesce(min(whole.control_rank), 4) AS control_rank
    FROM (
        SELECT judged.control_rank
        FROM judged CROSS JOIN site
        WHERE judged.dimension = 2 AND NOT judged.is_sliver
        GROUP BY judged.version_id, judged.control_rank, judged.needs_union, site.plane_m2, site.perimeter_m
        HAVING CASE WHEN judged.needs_union THEN max(judged.plane_m2) ELSE sum(judged.plane_m2) END
            >= site.plane_m2 - :noise_m * site.perimeter_m
    ) AS whole
),
alone AS MATERIALIZED (
    -- Where one layer alone has a control, and its features do not overlap each other, the pieces of the ledger are
    -- disjoint as they are: their areas add up, and no union is needed.
    SELECT covering.control_rank = 4 AND counted.layers <= 1 AND NOT counted.needs_union
        AND NOT EXISTS (SELECT FROM given_zone WHERE given_zone.control_rank <= 3) AS is_so,
        counted.control_rank, counted.overlap_m2
    FROM (
        SELECT count(DISTINCT judged.version_id) AS layers, coalesce(bool_or(judged.needs_union), FALSE) AS needs_union,
            min(judged.control_rank) AS control_rank, coalesce(sum(judged.overlap_m2), 0) AS overlap_m2
        FROM judged
        WHERE judged.dimension = 2 AND NOT judged.is_sliver AND judged.control_rank <= 3
    ) AS counted
    CROSS JOIN covering
),
nothing AS (SELECT ST_SetSRID(ST_GeomFromText('POLYGON EMPTY'), :working_srid) AS geom),
control_area AS MATERIALIZED (
    SELECT met.control_rank, ST_Union(met.geom) AS geom
    FROM (
        SELECT judged.control_rank, piece.geom
        FROM judged
        JOIN piece
            ON piece.version_id = judged.version_id AND piece.feature_id = judged.feature_id
                AND piece.is_zone = judged.is_zone
        WHERE judged.dimension = 2 AND NOT judged.is_sliver
        UNION ALL
        SELECT given_zone.control_rank, given_zone.geom
        FROM given_zone
    ) AS met
    CROSS JOIN covering
    WHERE met.control_rank <= 3 AND met.control_rank < covering.control_rank
    GROUP BY met.control_rank
    UNION ALL
    SELECT covering.control_rank, site.geom
    FROM covering CROSS JOIN site
    WHERE covering.control_rank <= 3
),
blocked AS MATERIALIZED (
    SELECT worst.geom AS prohibited, coalesce(second.geom, nothing.geom) AS restricted,
        coalesce(third.geom, nothing.geom) AS advised,
        CASE
            WHEN second.geom IS NULL THEN worst.geom
            WHEN covering.control_rank = 2 THEN second.geom
            ELSE ST_Union(worst.geom, second.geom)
        END AS geom
    FROM covering
    CROSS JOIN nothing
    LEFT JOIN control_area AS second ON second.control_rank = 2
    LEFT JOIN control_area AS third ON third.control_rank = 3
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT geom FROM control_area WHERE control_rank = 1), nothing.geom) AS geom
    ) AS worst
),
worst_first AS MATERIALIZED (
    SELECT blocked.prohibited, ST_Difference(blocked.restricted, blocked.prohibited) AS restricted,
        ST_Difference(blocked.advised, blocked.geom) AS advised,
        CASE
            WHEN covering.control_rank < 4 THEN nothing.geom
            ELSE ST_Difference(site.geom, ST_Union(blocked.geom, blocked.advised))
        END AS conflict_free
    FROM blocked CROSS JOIN site CROSS JOIN covering CROSS JOIN nothing
),
ledger AS (
    SELECT
        CASE WHEN alone.control_rank = 1 THEN alone.overlap_m2 ELSE 0 END AS prohibited_m2,
        CASE WHEN alone.control_rank = 2 THEN alone.overlap_m2 ELSE 0 END AS restricted_m2,
        CASE WHEN alone.control_rank = 3 THEN alone.overlap_m2 ELSE 0 END AS advised_m2,
        greatest(
            0, CASE WHEN :on_ellipsoid THEN site.ellipsoid_m2 ELSE site.plane_m2 END - alone.overlap_m2
        ) AS conflict_free_m2
    FROM alone CROSS JOIN site
    WHERE alone.is_so
    UNION ALL
    -- Written out, as `measure_m2` is planned anew by each statement that calls it.
    SELECT CASE WHEN :on_ellipsoid THEN blueprint.ellipsoid_m2(prohibited) ELSE ST_Area(prohibited) END,
        CASE WHEN :on_ellipsoid THEN blueprint.ellipsoid_m2(restricted) ELSE ST_Area(restricted) END,
        CASE WHEN :on_ellipsoid THEN blueprint.ellipsoid_m2(advised) ELSE ST_Area(advised) END,
        CASE WHEN :on_ellipsoid THEN blueprint.ellipsoid_m2(conflict_free) ELSE ST_Area(conflict_free) END
    FROM worst_first
    WHERE NOT (SELECT alone.is_so FROM alone)
),
finding AS (
    SELECT judged.version_id, nullif(judged.feature_id, 0) AS feature_id, feature.source_id, feature.attributes,
        judged.is_zone, judged.dimension, judged.plane_m2, judged.overlap_m2, judged.perimeter_m, judged.length_m,
        judged.point_count, judged.is_on_boundary, judged.is_body_met, judged.is_sliver,
        CASE WHEN judged.is_zone THEN feature.zone_plane_m2 ELSE feature.plane_m2 END AS feature_plane_m2,
        CASE
            WHEN judged.is_zone AND :on_ellipsoid THEN feature.zone_ellipsoid_m2
            WHEN judged.is_zone THEN feature.zone_plane_m2
            WHEN :on_ellipsoid THEN feature.ellipsoid_m2
            ELSE feature.plane_m2
        END AS feature_m2,
        feature.length_m AS feature_length_m,
        CASE WHEN judged.is_zone AND NOT judged.is_body_met THEN ST_Distance(site.geom, feature.geom) ELSE 0 END
            AS distance_m,
        CASE
            WHEN :with_shapes THEN (
                SELECT encode(ST_AsBinary(ST_Union(piece.geom)), 'hex')
                FROM piece
                WHERE piece.version_id = judged.version_id AND piece.feature_id = judged.feature_id
                    AND piece.is_zone = judged.is_zone
            )
        END AS shape
    FROM judged
    CROSS JOIN site
    LEFT JOIN blueprint.feature AS feature
        ON feature.version_id = judged.version_id AND feature.feature_id = judged.feature_id
)
SELECT site.plane_m2, site.ellipsoid_m2, site.perimeter_m,
    ledger.prohibited_m2, ledger.restricted_m2, ledger.advised_m2, ledger.conflict_free_m2,
    (
        -- Values without their names, in the order of `Found` in overlay.py.
        SELECT
            coalesce(
                json_agg(
                    json_build_array(
                        version_id, feature_id, source_id, attributes, is_zone, dimension, plane_m2, overlap_m2,
                        perimeter_m, length_m, point_count, is_on_boundary, is_body_met, is_sliver,
                        feature_plane_m2, feature_m2, feature_length_m, distance_m, shape
                    )
                    ORDER BY version_id, feature_id
                ),
                '[]'
            )
        FROM finding
    ) AS findings,
    (SELECT coalesce(json_object_agg(version_id, overlap_m2), '{}') FROM layer_area) AS layer_areas,
    (SELECT coalesce(json_object_agg(version_id, length_m), '{}') FROM layer_length) AS layer_lengths,
    (
        SELECT coalesce(json_agg(rule.version_id), '[]')
        FROM rule
        WHERE rule.coverage IS NOT NULL AND NOT ST_Covers(rule.coverage, site.geom)
    ) AS not_covering
FROM site CROSS JOIN ledger;
