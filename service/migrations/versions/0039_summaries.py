"""Approval: the figures of months, kept with each conclusion, and where cases stand, kept by the database.

Revision ID: 0039
Revises: 0035
"""

from alembic import op

revision = "0039"
down_revision = "0035"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE approval.item ADD was_parallel boolean;
ALTER TABLE approval.case ADD stages_concluded smallint NOT NULL DEFAULT 0;

CREATE TABLE approval.month_figures (
    dimension varchar(16),
    value varchar(40),
    month date,
    items integer NOT NULL,
    total_days bigint NOT NULL,
    applicant_days bigint NOT NULL,
    window_days bigint NOT NULL,
    department_days bigint NOT NULL,
    stop_days bigint NOT NULL,
    on_time integer NOT NULL,
    late integer NOT NULL,
    corrected integer NOT NULL,
    stopped integer NOT NULL,
    parallel integer NOT NULL,
    on_commitment integer NOT NULL,
    tolerated integer NOT NULL,
    refused integer NOT NULL,
    by_days integer [] NOT NULL,
    by_days_without_stops integer [] NOT NULL,
    by_department_days integer [] NOT NULL,
    CONSTRAINT pk_month_figures PRIMARY KEY (dimension, value, month)
);
CREATE TABLE approval.month_cases (
    dimension varchar(16),
    value varchar(40),
    month date,
    month_before date,
    cases integer NOT NULL,
    CONSTRAINT pk_month_cases PRIMARY KEY (dimension, value, month, month_before)
);
CREATE TABLE approval.case_standing (
    has_type boolean,
    has_code boolean,
    stages_concluded smallint,
    cases integer NOT NULL,
    opinions bigint NOT NULL,
    deemed bigint NOT NULL,
    CONSTRAINT pk_case_standing PRIMARY KEY (has_type, has_code, stages_concluded)
);

-- Two histograms added up, place by place.
CREATE FUNCTION approval.added(one integer [], other integer []) RETURNS integer []
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY place), '{}')
    FROM unnest(one, other) WITH ORDINALITY AS counted (a, b, place)
$$;

-- A histogram in which one thing took so many days: the first place is of no day.
CREATE FUNCTION approval.one_of(days integer) RETURNS integer []
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_fill(0, ARRAY[days]) || 1 $$;

-- The groups in whose figures a concluded item is counted.
CREATE FUNCTION approval.groups_of(stage text, project_type text, department text, district text, code text)
RETURNS TABLE (dimension varchar, value varchar)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    VALUES
        ('all', 'all'), ('department', department), ('district', coalesce(district, 'city')), ('item', code),
        ('project_type', project_type), ('stage', coalesce(stage, 'parallel_items'))
$$;

-- Keeps the counts of where cases stand; a case only ever goes forward, so that two at once never wait for each other.
CREATE FUNCTION approval.keep_standing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE approval.case_standing SET
            cases = cases - 1, opinions = opinions - OLD.opinion_count, deemed = deemed - OLD.deemed_count
        WHERE has_type = (OLD.project_type IS NOT NULL) AND has_code = (OLD.project_code IS NOT NULL)
            AND stages_concluded = OLD.stages_concluded;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO approval.case_standing AS known VALUES (
            NEW.project_type IS NOT NULL, NEW.project_code IS NOT NULL, NEW.stages_concluded,
            1, NEW.opinion_count, NEW.deemed_count)
        ON CONFLICT (has_type, has_code, stages_concluded) DO UPDATE SET
            cases = known.cases + 1, opinions = known.opinions + NEW.opinion_count,
            deemed = known.deemed + NEW.deemed_count;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER standing_of_new_and_gone AFTER INSERT OR DELETE ON approval.case
FOR EACH ROW EXECUTE FUNCTION approval.keep_standing();
CREATE TRIGGER standing_of_changed
AFTER UPDATE OF project_type, project_code, stages_concluded, opinion_count, deemed_count ON approval.case
FOR EACH ROW WHEN (
    ((OLD.project_type IS NULL), (OLD.project_code IS NULL), OLD.stages_concluded, OLD.opinion_count, OLD.deemed_count)
    IS DISTINCT FROM
    ((NEW.project_type IS NULL), (NEW.project_code IS NULL), NEW.stages_concluded, NEW.opinion_count, NEW.deemed_count)
) EXECUTE FUNCTION approval.keep_standing();
"""

# The figures counted anew from the items and stages themselves. Conclusions wait until it is done.
_RECOUNT = """
CREATE FUNCTION approval.concluded() RETURNS TABLE (
    case_id integer, month date, stage text, project_type text, department text, district text, code text,
    total_days integer, applicant_days integer, window_days integer, department_days integer, stop_days integer,
    accepted_on date, state text, was_late boolean, correction_asked_on date, was_parallel boolean,
    on_commitment boolean, is_tolerated boolean)
LANGUAGE sql STABLE AS $$
    SELECT
        item.case_id, CAST(date_trunc('month', item.concluded_on) AS date), coalesce(item.stage, 'parallel_items'),
        of_case.project_type, item.department, coalesce(of_case.district, 'city'), item.code,
        item.applicant_days + item.window_days + item.department_days + item.stop_days,
        item.applicant_days, item.window_days, item.department_days, item.stop_days,
        item.accepted_on, item.state, item.was_late, item.correction_asked_on, item.was_parallel, item.on_commitment,
        EXISTS (SELECT FROM approval.promise WHERE promise.item_id = item.id)
    FROM approval.item INNER JOIN approval.case AS of_case ON of_case.id = item.case_id
    WHERE item.concluded_on IS NOT NULL
$$;

-- The dimension of a grouping set: a bit is off for the column that is grouped by.
CREATE FUNCTION approval.dimension_of(bits integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE bits WHEN 15 THEN 'stage' WHEN 23 THEN 'project_type' WHEN 27 THEN 'department'
        WHEN 29 THEN 'district' WHEN 30 THEN 'item' ELSE 'all' END
$$;

CREATE FUNCTION approval.recount() RETURNS void
LANGUAGE plpgsql SET work_mem = '128MB' AS $$
BEGIN
    LOCK TABLE approval.month_figures IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM approval.month_cases;
    DELETE FROM approval.month_figures;
    INSERT INTO approval.month_figures
    SELECT
        approval.dimension_of(grouping(stage, project_type, department, district, code)),
        coalesce(stage, project_type, department, district, code, 'all'), month, count(*),
        sum(total_days), sum(applicant_days), sum(window_days), sum(department_days), sum(stop_days),
        count(*) FILTER (WHERE accepted_on IS NOT NULL AND state <> 'taken_back' AND NOT was_late),
        count(*) FILTER (WHERE accepted_on IS NOT NULL AND state <> 'taken_back' AND was_late),
        count(correction_asked_on), count(*) FILTER (WHERE stop_days > 0),
        count(*) FILTER (WHERE was_parallel), count(*) FILTER (WHERE on_commitment),
        count(*) FILTER (WHERE is_tolerated), count(*) FILTER (WHERE state = 'refused'), '{}', '{}', '{}'
    FROM approval.concluded()
    GROUP BY GROUPING SETS ((month), (month, stage), (month, project_type), (month, department), (month, district), (month, code));
    INSERT INTO approval.month_figures
    SELECT
        'whole_stage', stage, CAST(date_trunc('month', concluded_on) AS date), count(*), sum(working_days),
        0, 0, 0, sum(stop_days),
        count(*) FILTER (WHERE due_on IS NOT NULL AND working_days - stop_days <= limit_days),
        count(*) FILTER (WHERE due_on IS NOT NULL AND working_days - stop_days > limit_days),
        0, 0, 0, 0, 0, 0, '{}', '{}', '{}'
    FROM approval.case_stage WHERE working_days IS NOT NULL GROUP BY 1, 2, 3;
    WITH counted AS (
        SELECT
            approval.dimension_of(grouping(stage, project_type, department, district, code)) AS dimension,
            coalesce(stage, project_type, department, district, code, 'all') AS value, month, kind, days, count(*) AS n
        FROM approval.concluded()
        CROSS JOIN LATERAL (VALUES (1, total_days), (2, total_days - stop_days), (3, department_days)) AS measured (kind, days)
        GROUP BY GROUPING SETS (
            (month, kind, days), (month, kind, days, stage), (month, kind, days, project_type),
            (month, kind, days, department), (month, kind, days, district), (month, kind, days, code))
        UNION ALL
        SELECT 'whole_stage', stage, CAST(date_trunc('month', concluded_on) AS date), kind, days, count(*)
        FROM approval.case_stage
        CROSS JOIN LATERAL (VALUES (1, working_days), (2, working_days - stop_days)) AS measured (kind, days)
        WHERE working_days IS NOT NULL GROUP BY 1, 2, 3, 4, 5
    ),

    gathered AS (
        SELECT dimension, value, month, kind, max(days) AS most, array_agg(days) AS all_days, array_agg(n) AS counts
        FROM counted GROUP BY 1, 2, 3, 4
    ),

    histogram AS (
        SELECT dimension, value, month, kind, (
            SELECT array_agg(CAST(coalesce(n, 0) AS integer) ORDER BY day)
            FROM generate_series(0, most) AS day LEFT JOIN unnest(all_days, counts) AS met (days, n) ON days = day
        ) AS counts
        FROM gathered
    ),

    beside AS (
        SELECT dimension, value, month, max(counts) FILTER (WHERE kind = 1) AS one,
            max(counts) FILTER (WHERE kind = 2) AS two, coalesce(max(counts) FILTER (WHERE kind = 3), '{}') AS three
        FROM histogram GROUP BY 1, 2, 3
    )

    UPDATE approval.month_figures AS figures SET
        by_days = one, by_days_without_stops = two, by_department_days = three
    FROM beside
    WHERE figures.dimension = beside.dimension AND figures.value = beside.value AND figures.month = beside.month;
    INSERT INTO approval.month_cases
    SELECT dimension, value, month, coalesce(month_before, '0001-01-01'), count(*)
    FROM (
        SELECT dimension, value, month, lag(month) OVER (PARTITION BY dimension, value, case_id ORDER BY month) AS month_before
        FROM (
            SELECT
                approval.dimension_of(grouping(stage, project_type, department, district, code)) AS dimension,
                coalesce(stage, project_type, department, district, code, 'all') AS value, case_id, month
            FROM approval.concluded()
            GROUP BY GROUPING SETS (
                (case_id, month), (case_id, month, stage), (case_id, month, project_type),
                (case_id, month, department), (case_id, month, district), (case_id, month, code))
        ) AS met
    ) AS followed
    GROUP BY 1, 2, 3, 4;
END $$;
"""

_WALL = """
ALTER TABLE approval.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.{table} USING ((SELECT blueprint.sees('cases')));
"""

# What the figures rest on, of everything that was concluded before.
_FILL = """
UPDATE approval.case SET stages_concluded = (
    SELECT count(*) FROM approval.case_stage WHERE case_id = approval.case.id AND concluded_on IS NOT NULL);
UPDATE approval.item SET was_parallel = submitted_on < concluded_on AND EXISTS (
    SELECT FROM approval.item AS other
    WHERE other.case_id = item.case_id AND other.code <> item.code AND other.submitted_on < item.concluded_on
        AND (other.concluded_on IS NULL
            OR (other.concluded_on > item.submitted_on AND other.concluded_on > other.submitted_on)))
WHERE concluded_on IS NOT NULL;
INSERT INTO approval.case_standing
SELECT project_type IS NOT NULL, project_code IS NOT NULL, stages_concluded, count(*), sum(opinion_count), sum(deemed_count)
FROM approval.case GROUP BY 1, 2, 3;
ALTER TABLE approval.item ADD CONSTRAINT ck_item_beside CHECK ((concluded_on IS NULL) = (was_parallel IS NULL));
SELECT approval.recount();
"""


def upgrade() -> None:
    """Make the tables and count what was concluded before."""
    op.execute("SELECT set_config('blueprint.keeper', 'on', TRUE)")
    op.execute(_TABLES)
    op.execute(_RECOUNT)
    op.execute(_FILL)
    for table in ("month_figures", "month_cases", "case_standing"):
        op.execute(_WALL.format(table=table))
    op.execute("SELECT set_config('blueprint.keeper', '', TRUE)")


def downgrade() -> None:
    """Remove them; the rows that they were counted from stay."""
    op.execute(
        """
        ALTER TABLE approval.item DROP CONSTRAINT ck_item_beside, DROP was_parallel;
        DROP TRIGGER standing_of_changed ON approval.case;
        DROP TRIGGER standing_of_new_and_gone ON approval.case;
        DROP FUNCTION approval.keep_standing();
        DROP FUNCTION approval.recount();
        DROP FUNCTION approval.dimension_of(integer);
        DROP FUNCTION approval.concluded();
        DROP FUNCTION approval.groups_of(text, text, text, text, text);
        DROP FUNCTION approval.one_of(integer);
        DROP FUNCTION approval.added(integer [], integer []);
        DROP TABLE approval.case_standing;
        DROP TABLE approval.month_cases;
        DROP TABLE approval.month_figures;
        ALTER TABLE approval.case DROP stages_concluded;
        """
    )
