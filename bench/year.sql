-- The statistics of approval from the spans, the steps and the promises themselves: by another way than the service's, which
-- reads what every conclusion wrote beside its item. `:by` says what they are told apart by.

-- name: items
WITH lasted AS (
    SELECT item_id,
        sum(working_days) AS days,
        coalesce(sum(working_days) FILTER (WHERE holder = 'stop'), 0) AS stop_days,
        coalesce(sum(working_days) FILTER (WHERE holder = 'department'), 0) AS department_days,
        coalesce(sum(working_days) FILTER (WHERE holder = 'window'), 0) AS window_days,
        coalesce(sum(working_days) FILTER (WHERE holder = 'applicant'), 0) AS applicant_days,
        min(starts_on) AS begun_on, max(ends_on) AS ended_on
    FROM approval.time_span
    GROUP BY item_id
    HAVING bool_and(ends_on IS NOT NULL)
),

under_way AS (
    SELECT item.case_id, item.code, item.id, span.item_id, min(span.starts_on) AS begun_on,
        CASE WHEN bool_and(span.ends_on IS NOT NULL) THEN max(span.ends_on) ELSE 'infinity' END AS ended_on
    FROM approval.item
    INNER JOIN approval.time_span AS span ON span.item_id = item.id
    GROUP BY item.id, span.item_id
),

fact AS (
    SELECT lasted.*, item.case_id, item.state,
        CASE :by
            WHEN 'stage' THEN coalesce(item.stage, 'parallel_items')
            WHEN 'project_type' THEN of_case.project_type
            WHEN 'department' THEN item.department
            WHEN 'district' THEN coalesce(of_case.district, 'city')
            WHEN 'item' THEN item.code
            WHEN 'month' THEN to_char(lasted.ended_on, 'YYYY-MM')
            ELSE 'all'
        END AS named,
        item.was_late,
        step.accepted AND item.state <> 'taken_back' AND item.limit_days IS NOT NULL AS is_decided,
        step.corrected, step.committed,
        EXISTS (SELECT FROM approval.promise WHERE promise.item_id = item.id) AS tolerated,
        lasted.ended_on > lasted.begun_on AND EXISTS (
            SELECT FROM under_way AS other
            WHERE other.case_id = item.case_id AND other.code <> item.code AND other.begun_on < lasted.ended_on
                AND other.ended_on > lasted.begun_on AND other.ended_on > other.begun_on
        ) AS parallel
    FROM lasted
    INNER JOIN approval.item ON item.id = lasted.item_id
    INNER JOIN approval."case" AS of_case ON of_case.id = item.case_id
    CROSS JOIN LATERAL (
        SELECT bool_or(step.step = 'accept') AS accepted, bool_or(step.step = 'ask_correction') AS corrected,
            bool_or(step.detail ? 'on_commitment') AS committed
        FROM approval.item_step AS step
        WHERE step.item_id = item.id
    ) AS step
    WHERE lasted.ended_on BETWEEN :starts_on AND :ends_on
)

SELECT named AS "group", count(*) AS items, count(DISTINCT case_id) AS cases,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90_days,
    avg(days) AS mean_days,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days - stop_days) AS median_days_without_stops,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY department_days) AS median_department_days,
    sum(window_days) AS window_days, sum(applicant_days) AS applicant_days,
    sum(department_days) AS department_days, sum(stop_days) AS stop_days,
    avg(CAST(NOT was_late AS integer)) FILTER (WHERE is_decided) AS on_time_share,
    avg(CAST(corrected AS integer)) AS correction_share,
    avg(CAST(stop_days > 0 AS integer)) AS stop_share,
    avg(CAST(parallel AS integer)) AS parallel_share,
    avg(CAST(committed AS integer)) AS commitment_share,
    avg(CAST(tolerated AS integer)) AS tolerated_share,
    avg(CAST(state = 'refused' AS integer)) AS refused_share
FROM fact
GROUP BY named;

-- name: contents
SELECT
    (SELECT count(*) FROM approval."case") AS cases,
    (SELECT count(*) FROM approval.item) AS items,
    (SELECT count(*) FROM approval.item WHERE concluded_on IS NOT NULL) AS concluded,
    (SELECT count(*) FROM approval.item WHERE was_late) AS late,
    (SELECT count(*) FROM approval.item_step) AS steps,
    (SELECT count(*) FROM approval.item_step WHERE step = 'extend') AS extensions,
    (SELECT count(*) FROM approval.promise) AS promises,
    (SELECT count(*) FROM approval.item WHERE on_commitment) AS on_commitment,
    (SELECT count(*) FROM approval.consultation_answer WHERE kind IS NOT NULL) AS answers,
    (SELECT count(*) FROM approval.letter) AS letters,
    (SELECT count(DISTINCT taken_by) FROM approval.item_step) AS takers,
    (SELECT count(*) FROM approval.material) AS materials,
    (SELECT count(*) FROM approval.case_stage WHERE concluded_on IS NOT NULL) AS stages_concluded,
    (SELECT count(*) FROM blueprint.audit_entry) AS audit_entries;
