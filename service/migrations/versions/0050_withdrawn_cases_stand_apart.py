"""Approval: where cases stand counts withdrawn ones apart, in one order of rows whichever way a case goes.

Revision ID: 0050
Revises: 0047
"""

from alembic import op

revision = "0050"
down_revision = "0047"
branch_labels = None
depends_on = None

_APART = """
ALTER TABLE approval.case_standing ADD is_withdrawn boolean;
TRUNCATE approval.case_standing;
ALTER TABLE approval.case_standing DROP CONSTRAINT pk_case_standing;
ALTER TABLE approval.case_standing
    ADD CONSTRAINT pk_case_standing PRIMARY KEY (has_type, has_code, stages_concluded, is_withdrawn);
INSERT INTO approval.case_standing (has_type, has_code, stages_concluded, is_withdrawn, cases, opinions, deemed)
SELECT project_type IS NOT NULL, project_code IS NOT NULL, stages_concluded, withdrawn_on IS NOT NULL,
    count(*), sum(opinion_count), sum(deemed_count)
FROM approval.case GROUP BY 1, 2, 3, 4;

-- Keeps the counts of where cases stand. A case may be withdrawn and handed over again: rows are met in the order of their
-- key, so that two cases that change places at once never wait for each other.
CREATE OR REPLACE FUNCTION approval.keep_standing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO approval.case_standing AS known
        (has_type, has_code, stages_concluded, is_withdrawn, cases, opinions, deemed)
    SELECT has_type, has_code, stages_concluded, is_withdrawn, sum(cases), sum(opinions), sum(deemed)
    FROM (
        SELECT OLD.project_type IS NOT NULL, OLD.project_code IS NOT NULL, OLD.stages_concluded,
            OLD.withdrawn_on IS NOT NULL, -1, -OLD.opinion_count, -OLD.deemed_count
        WHERE TG_OP <> 'INSERT'
        UNION ALL
        SELECT NEW.project_type IS NOT NULL, NEW.project_code IS NOT NULL, NEW.stages_concluded,
            NEW.withdrawn_on IS NOT NULL, 1, NEW.opinion_count, NEW.deemed_count
        WHERE TG_OP <> 'DELETE'
    ) AS turned (has_type, has_code, stages_concluded, is_withdrawn, cases, opinions, deemed)
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (has_type, has_code, stages_concluded, is_withdrawn) DO UPDATE SET
        cases = known.cases + excluded.cases,
        opinions = known.opinions + excluded.opinions,
        deemed = known.deemed + excluded.deemed;
    RETURN NULL;
END $$;
DROP TRIGGER standing_of_changed ON approval.case;
CREATE TRIGGER standing_of_changed
AFTER UPDATE OF project_type, project_code, stages_concluded, opinion_count, deemed_count, withdrawn_on ON approval.case
FOR EACH ROW WHEN (
    ((OLD.project_type IS NULL), (OLD.project_code IS NULL), (OLD.withdrawn_on IS NULL), OLD.stages_concluded, OLD.opinion_count,
        OLD.deemed_count)
    IS DISTINCT FROM
    ((NEW.project_type IS NULL), (NEW.project_code IS NULL), (NEW.withdrawn_on IS NULL), NEW.stages_concluded, NEW.opinion_count,
        NEW.deemed_count)
) EXECUTE FUNCTION approval.keep_standing();
CREATE INDEX ix_case_stages_concluded ON approval.case (stages_concluded, id);
CREATE INDEX ix_case_fresh ON approval.case (id)
WHERE stages_concluded = 0 AND (project_type IS NULL OR project_code IS NULL);
CREATE INDEX ix_case_withdrawn ON approval.case (id) WHERE withdrawn_on IS NOT NULL;
"""

_TOGETHER = """
DROP INDEX approval.ix_case_withdrawn;
DROP INDEX approval.ix_case_fresh;
DROP INDEX approval.ix_case_stages_concluded;
DROP TRIGGER standing_of_changed ON approval.case;
TRUNCATE approval.case_standing;
ALTER TABLE approval.case_standing DROP CONSTRAINT pk_case_standing;
ALTER TABLE approval.case_standing DROP is_withdrawn;
ALTER TABLE approval.case_standing
    ADD CONSTRAINT pk_case_standing PRIMARY KEY (has_type, has_code, stages_concluded);
INSERT INTO approval.case_standing (has_type, has_code, stages_concluded, cases, opinions, deemed)
SELECT project_type IS NOT NULL, project_code IS NOT NULL, stages_concluded, count(*), sum(opinion_count), sum(deemed_count)
FROM approval.case GROUP BY 1, 2, 3;
CREATE OR REPLACE FUNCTION approval.keep_standing() RETURNS trigger
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
CREATE TRIGGER standing_of_changed
AFTER UPDATE OF project_type, project_code, stages_concluded, opinion_count, deemed_count ON approval.case
FOR EACH ROW WHEN (
    ((OLD.project_type IS NULL), (OLD.project_code IS NULL), OLD.stages_concluded, OLD.opinion_count, OLD.deemed_count)
    IS DISTINCT FROM
    ((NEW.project_type IS NULL), (NEW.project_code IS NULL), NEW.stages_concluded, NEW.opinion_count, NEW.deemed_count)
) EXECUTE FUNCTION approval.keep_standing();
"""


def upgrade() -> None:
    """Count withdrawn cases apart, and index how cases of one standing are found."""
    _as_keeper(_APART)


def downgrade() -> None:
    """Count them with the others again."""
    _as_keeper(_TOGETHER)


def _as_keeper(statements: str) -> None:
    op.execute("SELECT set_config('blueprint.keeper', 'on', TRUE)")
    op.execute(statements)
    op.execute("SELECT set_config('blueprint.keeper', '', TRUE)")
