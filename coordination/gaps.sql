-- name: gaps
-- What of a footprint no feature of a layer covers, for layers of which that is a finding of its own; where one says
-- in which extent it knows, only there. Measured as the overlay measures; `is_thin`: nothing is left of it when it is
-- shrunk by half the layer's sliver width.
WITH site AS MATERIALIZED (
    SELECT ST_SetSRID(ST_GeomFromWKB(:footprint), :working_srid) AS geom
),
known AS MATERIALIZED (
    SELECT rule.version_id, rule.sliver_width_m,
        CASE
            WHEN version.coverage IS NULL THEN site.geom
            ELSE ST_CollectionExtract(ST_Intersection(site.geom, version.coverage), 3)
        END AS geom
    FROM site
    CROSS JOIN unnest(
        CAST(:version_ids AS integer[]), CAST(:sliver_widths AS double precision[])
    ) AS rule (version_id, sliver_width_m)
    JOIN blueprint.layer_version AS version ON version.id = rule.version_id
),
gap AS MATERIALIZED (
    SELECT known.version_id, known.sliver_width_m,
        coalesce(
            (
                SELECT ST_CollectionExtract(ST_Difference(known.geom, ST_Union(part.geom)), 3)
                FROM blueprint.part AS part
                WHERE part.version_id = known.version_id AND NOT part.is_zone
                    AND part.geom && known.geom AND ST_Intersects(known.geom, part.geom)
            ),
            known.geom
        ) AS geom
    FROM known
)
SELECT gap.version_id, ST_Area(gap.geom) AS plane_m2, ST_Perimeter(gap.geom) AS perimeter_m,
    blueprint.measure_m2(gap.geom, :on_ellipsoid) AS gap_m2,
    2 * ST_Area(gap.geom) <= gap.sliver_width_m * ST_Perimeter(gap.geom)
    AND ST_IsEmpty(ST_Buffer(gap.geom, -gap.sliver_width_m / 2))
    AND NOT EXISTS (
        SELECT
        FROM ST_Dump(gap.geom) AS outline
        WHERE NOT ST_IsEmpty(
            ST_Buffer(
                ST_Segmentize(outline.geom, ST_Perimeter(outline.geom) / 12),
                -gap.sliver_width_m / 2
            )
        )
    ) AS is_thin,
    ST_AsBinary(gap.geom) AS shape
FROM gap
WHERE 2 * ST_Area(gap.geom) > :noise_m * ST_Perimeter(gap.geom);
