-- The statements of the tile routes. They are prepared once per connection.

-- name: layer_on_day
-- Which version of the layer is in force on the day?
SELECT
    layer.code, layer.department, layer.sensitivity, version.id, version.number,
    version.uploaded_at, TRUE AS is_decided
FROM blueprint.layer
LEFT JOIN blueprint.in_force_period AS period
    ON period.layer_id = layer.id
        AND period.starts_on <= CAST(:day AS date)
        AND (period.ends_on IS NULL OR period.ends_on > CAST(:day AS date))
LEFT JOIN blueprint.layer_version AS version ON version.id = period.version_id
WHERE layer.code = CAST(:code AS text);

-- name: layers_on_day
-- Which version of every layer is in force on the day?
SELECT
    layer.code, layer.department, layer.sensitivity, version.id, version.number,
    version.uploaded_at, TRUE AS is_decided
FROM blueprint.layer
LEFT JOIN blueprint.in_force_period AS period
    ON period.layer_id = layer.id
        AND period.starts_on <= CAST(:day AS date)
        AND (period.ends_on IS NULL OR period.ends_on > CAST(:day AS date))
LEFT JOIN blueprint.layer_version AS version ON version.id = period.version_id
ORDER BY layer.code;

-- name: layer_version
-- What is the layer's version of that number, and was it ever decided that it comes into force?
SELECT
    layer.code, layer.department, layer.sensitivity, version.id, version.number,
    version.uploaded_at,
    EXISTS(
        SELECT FROM blueprint.in_force_period AS period
        WHERE period.version_id = version.id
    ) AS is_decided
FROM blueprint.layer
LEFT JOIN blueprint.layer_version AS version
    ON version.layer_id = layer.id AND version.number = CAST(:number AS integer)
WHERE layer.code = CAST(:code AS text);

-- name: tile
-- What do these versions show in the tile, one MVT layer each? A shape that reaches less than a quarter of a tile
-- beyond it is left unclipped (renderers clip to the tile themselves) and only moved to the tile's grid, which takes a
-- fifth of the time of ST_AsMVTGeom; at the zoom of its level it lies on that grid already. The pieces of a feature
-- are put together again, so that no cut is drawn. Where features crowd, names are left out first, then features by
-- their hash, so that a tile stays of a size that a browser takes. The place is materialized, for else the plan that
-- holds for every tile would reckon its frames anew for each shape.
WITH place AS MATERIALIZED (
    SELECT
        tile.frame,
        tile.reach,
        tile.surroundings,
        4096 / (ST_XMax(tile.frame) - ST_XMin(tile.frame)) AS scale,
        ST_XMin(tile.frame) AS west,
        ST_YMax(tile.frame) AS north
    FROM (
        SELECT
            ST_TileEnvelope(CAST(:z AS integer), CAST(:x AS integer), CAST(:y AS integer), world.square) AS frame,
            ST_TileEnvelope(
                CAST(:z AS integer), CAST(:x AS integer), CAST(:y AS integer), world.square, margin => 64.0 / 4096
            ) AS reach,
            ST_TileEnvelope(
                CAST(:z AS integer), CAST(:x AS integer), CAST(:y AS integer), world.square, margin => 0.25
            ) AS surroundings
        FROM (SELECT ST_Expand(ST_MakePoint(0, 0), 2048 * power(2, CAST(:level AS integer))) AS square) AS world
    ) AS tile
)

SELECT string_agg(drawn.mvt, '' ORDER BY asked.place) AS tile
FROM unnest(CAST(:version_ids AS integer[]), CAST(:codes AS text[]))
    WITH ORDINALITY AS asked (version_id, code, place)
CROSS JOIN place
CROSS JOIN LATERAL (
    WITH shape AS MATERIALIZED (
        SELECT laid.feature_id, laid.is_piece, laid.geom, laid.label, laid.source_id, laid.class_code
        FROM (
            SELECT
                stored.feature_id,
                stored.is_piece,
                ST_GeomFromTWKB(stored.shape) AS geom,
                stored.label,
                stored.source_id,
                stored.class_code
            FROM blueprint.tile_sheet AS sheet
            CROSS JOIN LATERAL unnest(
                sheet.feature_ids, sheet.are_pieces, sheet.labels, sheet.source_ids, sheet.class_codes, sheet.shapes
            ) AS stored (feature_id, is_piece, label, source_id, class_code, shape)
            WHERE sheet.version_id = asked.version_id
                AND sheet.level = CAST(:level AS smallint)
                AND sheet.extent && place.reach
            OFFSET 0 -- what is read of a shape's bytes is read once
        ) AS laid
        WHERE laid.geom && place.reach
    ),

    crowd AS MATERIALIZED (SELECT count(*) AS shape_count FROM shape),

    chosen AS NOT MATERIALIZED (
        SELECT
            shape.feature_id,
            shape.is_piece,
            shape.geom,
            CASE WHEN crowd.shape_count <= CAST(:most_named AS integer) THEN shape.label END AS label,
            CASE WHEN crowd.shape_count <= CAST(:most_named AS integer) THEN shape.source_id END AS source_id,
            CASE WHEN crowd.shape_count <= CAST(:most_named AS integer) THEN shape.class_code END AS class_code
        FROM shape
        CROSS JOIN crowd
        WHERE crowd.shape_count <= CAST(:most_features AS integer)
            OR (hashint8extended(shape.feature_id, 1) & 1048575)
                < 1048576.0 * CAST(:most_features AS integer) / crowd.shape_count
    )

    SELECT ST_AsMVT(tile_feature, asked.code, 4096, 'geom', 'feature_id') AS mvt
    FROM (
        SELECT
            chosen.feature_id,
            CASE
                WHEN place.scale = 1 AND place.surroundings ~ chosen.geom
                    THEN ST_Affine(chosen.geom, 1, 0, 0, -1, -place.west, place.north)
                WHEN place.surroundings ~ chosen.geom
                    THEN ST_SnapToGrid(
                        ST_Affine(
                            chosen.geom, place.scale, 0, 0, -place.scale,
                            -place.west * place.scale, place.north * place.scale
                        ),
                        1
                    )
                ELSE ST_AsMVTGeom(chosen.geom, place.frame, 4096, 64, TRUE)
            END AS geom,
            chosen.label,
            chosen.source_id,
            chosen.class_code
        FROM chosen
        WHERE NOT chosen.is_piece
        UNION ALL
        SELECT
            chosen.feature_id,
            ST_AsMVTGeom(
                CASE
                    WHEN max(ST_Dimension(chosen.geom)) < 2 THEN ST_Collect(chosen.geom)
                    ELSE ST_Union(ST_ClipByBox2D(chosen.geom, place.reach))
                END,
                place.frame, 4096, 64, TRUE
            ),
            min(chosen.label),
            min(chosen.source_id),
            min(chosen.class_code)
        FROM chosen
        WHERE chosen.is_piece
        GROUP BY chosen.feature_id
    ) AS tile_feature
) AS drawn;

-- name: difference_tile
-- What changed in the tile from one version to another? Features of the same shape, vertex by vertex, are the same; of
-- what is left, those with the same source id. What only one of the versions has there was gained or lost, be it a
-- whole feature or a part of one. The largest first, as many as a tile may have.
WITH tile AS MATERIALIZED (
    SELECT
        ST_TileEnvelope(CAST(:z AS integer), CAST(:x AS integer), CAST(:y AS integer)) AS frame,
        ST_Envelope(
            ST_Transform(
                ST_TileEnvelope(CAST(:z AS integer), CAST(:x AS integer), CAST(:y AS integer), margin => 0.03),
                CAST(:working_srid AS integer)
            )
        ) AS reach
),

side AS MATERIALIZED (
    SELECT
        feature.version_id,
        feature.feature_id,
        feature.source_id,
        feature.attributes,
        feature.geom,
        md5(ST_AsBinary(feature.geom)) AS shape
    FROM (
        SELECT DISTINCT part.version_id, part.feature_id
        FROM blueprint.part
        CROSS JOIN tile
        WHERE part.geom && tile.reach
            AND part.version_id IN (CAST(:old AS integer), CAST(:new AS integer))
            AND NOT part.is_zone
    ) AS near
    JOIN blueprint.feature AS feature
        ON feature.version_id = near.version_id AND feature.feature_id = near.feature_id
),

same_shape AS MATERIALIZED (
    SELECT
        coalesce(new.source_id, old.source_id) AS source_id,
        old.feature_id AS old_id,
        new.feature_id AS new_id,
        old.geom AS old_geom,
        new.geom AS new_geom,
        old.attributes <> new.attributes AS has_other_attributes
    FROM (
        SELECT side.*, row_number() OVER (PARTITION BY shape ORDER BY attributes) AS nth
        FROM side
        WHERE version_id = CAST(:old AS integer)
    ) AS old
    FULL JOIN (
        SELECT side.*, row_number() OVER (PARTITION BY shape ORDER BY attributes) AS nth
        FROM side
        WHERE version_id = CAST(:new AS integer)
    ) AS new ON new.shape = old.shape AND new.nth = old.nth
),

same_id AS MATERIALIZED (
    SELECT coalesce(new.source_id, old.source_id) AS source_id, old.old_geom, new.new_geom
    FROM (
        SELECT source_id, old_geom, row_number() OVER (PARTITION BY source_id ORDER BY old_id) AS nth
        FROM same_shape
        WHERE new_id IS NULL
    ) AS old
    FULL JOIN (
        SELECT source_id, new_geom, row_number() OVER (PARTITION BY source_id ORDER BY new_id) AS nth
        FROM same_shape
        WHERE old_id IS NULL
    ) AS new ON new.source_id = old.source_id AND new.nth = old.nth
),

patch AS MATERIALIZED (
    SELECT 'attributes' AS change, source_id, new_geom AS geom
    FROM same_shape
    WHERE has_other_attributes
    UNION ALL
    SELECT
        'gained',
        source_id,
        CASE
            WHEN old_geom IS NULL THEN new_geom
            ELSE ST_CollectionExtract(ST_Difference(new_geom, old_geom), ST_Dimension(new_geom) + 1)
        END
    FROM same_id
    WHERE new_geom IS NOT NULL
    UNION ALL
    SELECT
        'lost',
        source_id,
        CASE
            WHEN new_geom IS NULL THEN old_geom
            ELSE ST_CollectionExtract(ST_Difference(old_geom, new_geom), ST_Dimension(old_geom) + 1)
        END
    FROM same_id
    WHERE old_geom IS NOT NULL
)

SELECT ST_AsMVT(drawn, CAST(:code AS text), 4096, 'geom') AS tile
FROM (
    SELECT
        patch.change,
        patch.source_id,
        ST_AsMVTGeom(ST_Transform(patch.geom, 3857), tile.frame, 4096, 64, TRUE) AS geom
    FROM patch
    CROSS JOIN tile
    WHERE NOT ST_IsEmpty(patch.geom)
    ORDER BY ST_Area(patch.geom) DESC, ST_Length(patch.geom) DESC, patch.source_id
    LIMIT CAST(:most_features AS integer)
) AS drawn
WHERE drawn.geom IS NOT NULL;
