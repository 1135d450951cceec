-- name: add_item
-- Counts a concluded item in the figures of its month. The group `all` comes first: its row lets one conclusion after
-- the other through, so that the next statement sees what those before counted.
INSERT INTO approval.month_figures AS known
SELECT
    told.dimension, told.value, CAST(date_trunc('month', item.concluded_on) AS date), 1,
    applicant_days + window_days + department_days + stop_days,
    applicant_days, window_days, department_days, stop_days,
    CAST(accepted_on IS NOT NULL AND state <> 'taken_back' AND limit_days IS NOT NULL AND NOT was_late AS integer),
    CAST(accepted_on IS NOT NULL AND state <> 'taken_back' AND was_late AS integer),
    CAST(correction_asked_on IS NOT NULL AS integer), CAST(stop_days > 0 AS integer),
    CAST(was_parallel AS integer), CAST(on_commitment AS integer),
    CAST(EXISTS (SELECT FROM approval.promise WHERE promise.item_id = item.id) AS integer),
    CAST(state = 'refused' AS integer),
    approval.one_of(applicant_days + window_days + department_days + stop_days),
    approval.one_of(applicant_days + window_days + department_days), approval.one_of(department_days)
FROM approval.item
INNER JOIN approval."case" AS of_case ON of_case.id = item.case_id
CROSS JOIN LATERAL approval.groups_of(
    item.stage, of_case.project_type, item.department, of_case.district, item.code
) AS told
WHERE item.id = :item_id
ORDER BY told.dimension
ON CONFLICT (dimension, value, month) DO UPDATE SET
    items = known.items + 1,
    total_days = known.total_days + excluded.total_days,
    applicant_days = known.applicant_days + excluded.applicant_days,
    window_days = known.window_days + excluded.window_days,
    department_days = known.department_days + excluded.department_days,
    stop_days = known.stop_days + excluded.stop_days,
    on_time = known.on_time + excluded.on_time,
    late = known.late + excluded.late,
    corrected = known.corrected + excluded.corrected,
    stopped = known.stopped + excluded.stopped,
    parallel = known.parallel + excluded.parallel,
    on_commitment = known.on_commitment + excluded.on_commitment,
    tolerated = known.tolerated + excluded.tolerated,
    refused = known.refused + excluded.refused,
    by_days = approval.added(known.by_days, excluded.by_days),
    by_days_without_stops = approval.added(known.by_days_without_stops, excluded.by_days_without_stops),
    by_department_days = approval.added(known.by_department_days, excluded.by_department_days);

-- name: add_item_case
-- Counts the case of a concluded item in each of its groups, unless it was counted there in this month already.
WITH mine AS (
    SELECT item.id, item.case_id, of_case.project_type, of_case.district,
        CAST(date_trunc('month', item.concluded_on) AS date) AS month, told.dimension, told.value
    FROM approval.item
    INNER JOIN approval."case" AS of_case ON of_case.id = item.case_id
    CROSS JOIN LATERAL approval.groups_of(
        item.stage, of_case.project_type, item.department, of_case.district, item.code
    ) AS told
    WHERE item.id = :item_id
),

met AS (
    SELECT mine.dimension, mine.value, mine.month,
        max(CAST(date_trunc('month', other.concluded_on) AS date)) AS month_before
    FROM mine
    LEFT JOIN LATERAL (
        SELECT item.concluded_on
        FROM approval.item
        CROSS JOIN LATERAL approval.groups_of(
            item.stage, mine.project_type, item.department, mine.district, item.code
        ) AS told
        WHERE item.case_id = mine.case_id AND item.id <> mine.id AND item.concluded_on IS NOT NULL
            AND told.dimension = mine.dimension AND told.value = mine.value
    ) AS other ON TRUE
    GROUP BY mine.dimension, mine.value, mine.month
)

INSERT INTO approval.month_cases AS known (dimension, value, month, month_before, cases)
SELECT dimension, value, month, coalesce(month_before, '0001-01-01'), 1
FROM met
WHERE month_before IS NULL OR month_before < month
ORDER BY dimension
ON CONFLICT (dimension, value, month, month_before) DO UPDATE SET cases = known.cases + 1;

-- name: add_stage
-- Counts a concluded stage in the figures of its month.
INSERT INTO approval.month_figures AS known
SELECT
    'whole_stage', stage, CAST(date_trunc('month', concluded_on) AS date), 1, working_days, 0, 0, 0, stop_days,
    CAST(due_on IS NOT NULL AND working_days - stop_days <= limit_days AS integer),
    CAST(due_on IS NOT NULL AND working_days - stop_days > limit_days AS integer),
    0, 0, 0, 0, 0, 0, approval.one_of(working_days), approval.one_of(working_days - stop_days), '{}'
FROM approval.case_stage
WHERE case_stage.id = :stage_id
ON CONFLICT (dimension, value, month) DO UPDATE SET
    items = known.items + 1,
    total_days = known.total_days + excluded.total_days,
    stop_days = known.stop_days + excluded.stop_days,
    on_time = known.on_time + excluded.on_time,
    late = known.late + excluded.late,
    by_days = approval.added(known.by_days, excluded.by_days),
    by_days_without_stops = approval.added(known.by_days_without_stops, excluded.by_days_without_stops);
