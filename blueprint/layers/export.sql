-- What a version's features hold, as a table's columns have to know it before the first row is written.

-- name: fields
-- Of every attribute: which kinds of JSON values it has, whether its numbers are whole, whether its texts are days
-- (YYYY-MM-DD, of a calendar), and its longest text in bytes.
SELECT
    field.name,
    array_agg(DISTINCT jsonb_typeof(field.value)) AS kinds,
    bool_and(jsonb_typeof(field.value) <> 'number' OR CAST(field.value AS text) ~ '^-?[0-9]{1,18}$') AS is_whole,
    bool_and(
        CASE
            WHEN jsonb_typeof(field.value) <> 'string' THEN TRUE
            WHEN field.value #>> '{}' !~ '^(1[5-9]|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN FALSE
            ELSE CAST(right(field.value #>> '{}', 2) AS integer) <= extract(
                DAY FROM CAST(left(field.value #>> '{}', 7) || '-01' AS date) + interval '1 month -1 day'
            )
        END
    ) AS is_day,
    max(octet_length(CAST(field.value AS text))) AS longest
FROM blueprint.feature
CROSS JOIN LATERAL jsonb_each(feature.attributes) AS field (name, value)
WHERE feature.version_id = :version_id
GROUP BY field.name;

-- name: shapes
-- Which kinds of shapes there are, and where they lie (working CRS).
-- A shape whose mending was undone is that of the file.
SELECT
    array_agg(DISTINCT GeometryType(shape.geom)) AS kinds,
    ST_XMin(ST_Extent(shape.geom)) AS west, ST_YMin(ST_Extent(shape.geom)) AS south,
    ST_XMax(ST_Extent(shape.geom)) AS east, ST_YMax(ST_Extent(shape.geom)) AS north
FROM (
    SELECT geom FROM blueprint.feature WHERE version_id = :version_id
    UNION ALL
    SELECT original FROM blueprint.mending WHERE version_id = :version_id AND undone_at IS NOT NULL
) AS shape;
