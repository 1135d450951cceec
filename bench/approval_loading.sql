-- name: cases
-- 200,000 cases over five years, the oldest first; each with the same handover message.
INSERT INTO approval.case (
    id, message_id, message_sha256, planning_number, project_name, applicant, purpose, message, opinion_count, deemed_count,
    received_at, project_code, project_code_bound_by, project_code_bound_at, process_version, project_type, hall, district,
    stages_concluded, prepared_by, prepared_at
)
SELECT
    n, CAST(md5(CAST(n AS text)) AS uuid), md5(CAST(n AS text)) || md5(CAST(-n AS text)),
    'CH-210300-2021-' || lpad(CAST(n AS text), 6, '0'), '基准项目' || n, '建设单位' || n % 5000, '建设', CAST(:message AS jsonb),
    12, n % 3, begun_at, to_char(begun_at, 'YYMM') || '-210300-04-01-' || lpad(CAST(n AS text), 6, '0'), '窗口', begun_at,
    :version, (CAST(:types AS text []))[1 + abs(hashint4(n)) % cardinality(CAST(:types AS text []))], 'SPJ',
    CASE WHEN n % 3 > 0 THEN (CAST(:districts AS text []))[1 + abs(hashint4(n + 7)) % cardinality(CAST(:districts AS text []))] END,
    least(4, CAST(floor((CAST(:today AS date) - CAST(begun_at AS date)) / 90.0) AS integer)), '窗口', begun_at
FROM generate_series(1, :cases) AS n
CROSS JOIN LATERAL (
    SELECT CAST(:today AS timestamptz) - interval '1 day' * (1826 * (1.0 - n * 1.0 / :cases)) AS begun_at
) AS begun;

-- name: stages
-- The four stages of every case, ninety days each.
INSERT INTO approval.case_stage (
    case_id, stage, position, accepted_on, accepted_by, concluded_on, concluded_by, limit_days, due_on, yellow_on, provisional,
    case_due_on, case_yellow_on, case_provisional, working_days, stop_days
)
SELECT
    whole.id, named.stage, named.place, begun.accepted_on, CASE WHEN begun.accepted_on IS NOT NULL THEN '窗口' END,
    begun.concluded_on, CASE WHEN begun.concluded_on IS NOT NULL THEN '窗口' END,
    CASE WHEN begun.accepted_on IS NOT NULL THEN 60 END, begun.accepted_on + 84,
    begun.accepted_on + 66, FALSE, begun.accepted_on + 88, begun.accepted_on + 70, FALSE,
    CASE WHEN begun.concluded_on IS NOT NULL THEN 40 + abs(hashint4(CAST(whole.id * 4 + named.place AS integer))) % 40 END,
    CASE WHEN begun.concluded_on IS NOT NULL THEN abs(hashint4(CAST(whole.id + named.place AS integer))) % 9 END
FROM approval.case AS whole
CROSS JOIN unnest(CAST(:stages AS text [])) WITH ORDINALITY AS named (stage, place)
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN named.place <= whole.stages_concluded + 1
            THEN CAST(whole.received_at AS date) + 90 * (CAST(named.place AS integer) - 1) END AS accepted_on,
        CASE WHEN named.place <= whole.stages_concluded
            THEN CAST(whole.received_at AS date) + 90 * CAST(named.place AS integer) END AS concluded_on
) AS begun;

-- name: items
-- Twenty items a case, of the process table's, begun within its four stages: what would end after today is under way,
-- a sixth of it past its day.
INSERT INTO approval.item (
    case_id, code, round, stage, title, department, limit_days, day_unit, state, on_commitment, submitted_on,
    correction_asked_on, accepted_on, extended_days, concluded_on, was_late, was_parallel, due_on, yellow_on, provisional,
    verify_provisional, applicant_days, window_days, department_days, stop_days
)
SELECT
    made.case_id, rule.code, 1, rule.stage, rule.title, rule.department, 20, 'working',
    CASE WHEN made.is_over THEN CASE WHEN made.dice % 20 = 0 THEN 'refused' ELSE 'approved' END
        WHEN made.submitted_on > CAST(:today AS date) THEN 'not_submitted'
        WHEN made.dice % 4 = 0 THEN 'submitted' ELSE 'in_review' END,
    made.is_over AND made.dice % 11 = 0,
    CASE WHEN made.submitted_on <= CAST(:today AS date) THEN made.submitted_on END,
    CASE WHEN made.is_over AND made.a > 0 THEN made.submitted_on + 1 END,
    CASE WHEN made.is_over OR (made.submitted_on <= CAST(:today AS date) AND made.dice % 4 > 0) THEN made.submitted_on + 2 END,
    0, CASE WHEN made.is_over THEN made.concluded_on END, CASE WHEN made.is_over THEN made.d > 20 END,
    CASE WHEN made.is_over THEN made.dice % 5 > 0 END,
    CASE WHEN NOT made.is_over AND made.submitted_on <= CAST(:today AS date) THEN made.submitted_on + 28 END,
    CASE WHEN NOT made.is_over AND made.submitted_on <= CAST(:today AS date) THEN made.submitted_on + 22 END, FALSE,
    FALSE,
    CASE WHEN made.is_over THEN made.a END, CASE WHEN made.is_over THEN made.w END,
    CASE WHEN made.is_over THEN made.d END, CASE WHEN made.is_over THEN made.s END
FROM (
    SELECT
        rolled.*, rolled.submitted_on + 1 + (a + w + d + s) * 7 / 5 AS concluded_on,
        rolled.submitted_on + 1 + (a + w + d + s) * 7 / 5 <= CAST(:today AS date) AS is_over
    FROM (
        SELECT
            whole.id AS case_id, (k * 2 + whole.id) % cardinality(CAST(:codes AS text [])) + 1 AS rule_number, dice,
            CAST(whole.received_at AS date) + k * 18 + dice % 10 AS submitted_on,
            dice / 10 % 4 AS w, dice / 40 % 25 AS d,
            CASE WHEN dice % 10 < 3 THEN dice / 1000 % 8 ELSE 0 END AS a,
            CASE WHEN dice % 10 = 9 THEN dice / 8000 % 15 ELSE 0 END AS s
        FROM approval.case AS whole
        CROSS JOIN generate_series(0, 19) AS k
        CROSS JOIN LATERAL (SELECT abs(hashint4(CAST(whole.id * 20 + k AS integer))) AS dice) AS thrown
    ) AS rolled
) AS made
INNER JOIN LATERAL (
    SELECT
        (CAST(:codes AS text []))[made.rule_number] AS code,
        nullif((CAST(:item_stages AS text []))[made.rule_number], '') AS stage,
        (CAST(:titles AS text []))[made.rule_number] AS title,
        (CAST(:departments AS text []))[made.rule_number] AS department
) AS rule ON TRUE;

-- name: promises
-- Of every ninth item in review a material is promised within thirty days.
INSERT INTO approval.promise (item_id, material, due_on)
SELECT id, 'M10', accepted_on + 30 FROM approval.item WHERE state = 'in_review' AND id % 9 = 0;

-- name: commitments
-- What was approved on commitment in the last ten weeks is still to be checked, within six.
UPDATE approval.item SET verify_due_on = concluded_on + 42
WHERE on_commitment AND state = 'approved' AND concluded_on > CAST(:today AS date) - 70;

-- name: papers
INSERT INTO approval.material (id, case_id, code, version, title, origin, item_id, given_on, given_by)
SELECT id, case_id, 'R' || substr(code, 2), 1, title, 'result', id, concluded_on, department
FROM approval.item WHERE state = 'approved' AND concluded_on > CAST(:today AS date) - 20 AND id % 5 = 0;

-- name: results
-- A fifth of what was approved in the last twenty days is not uploaded.
INSERT INTO approval.item_result (item_id, number, title, signed_by, signed_on, material_id)
SELECT item_id, '基准' || item_id, title, '局长', given_on, id FROM approval.material;

-- name: questions
INSERT INTO approval.joint_consultation (id, item_id, question, asked_by, asked_on, due_on, provisional)
SELECT id, id, '有无意见', department, accepted_on, accepted_on + 7, FALSE
FROM approval.item WHERE state = 'in_review' AND id % 7 = 0;

-- name: answers
-- Of every seventh item in review one department was asked and did not answer.
INSERT INTO approval.consultation_answer (consultation_id, department) SELECT id, 'SLJ' FROM approval.joint_consultation;

-- name: standing
-- What the triggers would have counted.
INSERT INTO approval.case_standing
    (has_type, has_code, stages_concluded, is_withdrawn, cases, opinions, deemed)
SELECT
    project_type IS NOT NULL, project_code IS NOT NULL, stages_concluded, withdrawn_on IS NOT NULL,
    count(*), sum(opinion_count), sum(deemed_count)
FROM approval.case
GROUP BY 1, 2, 3, 4;
