"""The second wall: row-level security on the small tables whose rows are not everybody's; features and parts stay open.

A transaction says who it is for in the setting `blueprint.viewer`, signed where the service's role does not own the
tables (`blueprint/wall.py` writes it). What is not said, or not rightly signed, sees nothing.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_FUNCTIONS = """
CREATE TABLE blueprint.wall_key (
    id integer CONSTRAINT pk_wall_key PRIMARY KEY CONSTRAINT ck_wall_key_single CHECK (id = 1),
    inner_key bytea NOT NULL,
    outer_key bytea NOT NULL
);

-- Whether a signature (HMAC-SHA256, RFC 2104) is of this text and of this very connection. Without a key every text
-- counts as signed: that is a database whose one role owns it, and could change all this anyway.
CREATE FUNCTION blueprint.is_signed(told text, signature text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_and(
        signature = encode(sha256(outer_key || sha256(inner_key
            || convert_to(CAST(pg_backend_pid() AS text) || ' ' || told, 'UTF8'))), 'hex')
    ), TRUE) FROM blueprint.wall_key
$$;

-- Who the transaction is for; an empty object when nobody was said, or not by who has the key. The keeper is the
-- tables' owner at work on all rows: migrations, backup, the functions of the audit log.
CREATE FUNCTION blueprint.viewer() RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told text := current_setting('blueprint.viewer', TRUE);
BEGIN
    IF current_setting('blueprint.keeper', TRUE) = 'on' AND pg_has_role(current_user,
        (SELECT relowner FROM pg_class WHERE oid = CAST('blueprint.wall_key' AS regclass)), 'USAGE') THEN
        RETURN '{"sees": ["everything"]}';
    END IF;
    -- 64 characters of signature, a space, the text.
    IF told IS NULL OR length(told) < 67 OR NOT blueprint.is_signed(substr(told, 66), left(told, 64)) THEN
        RETURN '{}';
    END IF;
    RETURN CAST(substr(told, 66) AS jsonb);
END $$;

CREATE FUNCTION blueprint.sees(what text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$ SELECT coalesce(blueprint.viewer() -> 'sees' ?| ARRAY['everything', what], FALSE) $$;

CREATE FUNCTION blueprint.viewer_department() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$ SELECT blueprint.viewer() ->> 'department' $$;

CREATE FUNCTION blueprint.viewer_account() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$ SELECT blueprint.viewer() ->> 'account' $$;

CREATE FUNCTION blueprint.viewer_person() RETURNS integer
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$ SELECT CAST(blueprint.viewer() ->> 'person' AS integer) $$;

-- Whether a kept report speaks of no restricted layer but those of departments that the viewer is cleared for, and
-- those that were granted.
CREATE FUNCTION blueprint.may_read_report(report jsonb, viewer jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$
    SELECT NOT EXISTS (
        SELECT FROM jsonb_array_elements(report -> 'layers') AS told
        INNER JOIN blueprint.layer ON layer.code = told ->> 'code'
        WHERE told ->> 'outcome' <> 'not_permitted' AND layer.sensitivity = 'restricted'
            AND NOT coalesce(viewer -> 'cleared' ? layer.department, FALSE)
            AND NOT coalesce(viewer -> 'layers' ? layer.code, FALSE)
    )
$$;

-- What every member is told of a project's check, also where the report is not for them.
CREATE FUNCTION coordination.latest_check_in_short(revision_id integer)
RETURNS TABLE (id integer, on_day date, made_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text;
BEGIN
    IF NOT blueprint.sees('projects') THEN
        RETURN;
    END IF;
    kept := coalesce(current_setting('blueprint.keeper', TRUE), '');
    PERFORM set_config('blueprint.keeper', 'on', TRUE);
    RETURN QUERY SELECT c.id, c.on_day, c.made_at
        FROM coordination.check AS c WHERE c.footprint_revision_id = revision_id ORDER BY c.id DESC LIMIT 1;
    PERFORM set_config('blueprint.keeper', kept, TRUE);
END $$;

-- Everybody who has an account, without its secrets: who is the head of a section, who holds no role in a department
-- any more. A row for each role that is held at the instant, or one without; for whoever is known.
CREATE FUNCTION blueprint.directory(at timestamptz)
RETURNS TABLE (login varchar, name varchar, role varchar, department varchar, section_id integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text;
BEGIN
    IF blueprint.viewer() = '{}' THEN
        RETURN;
    END IF;
    kept := coalesce(current_setting('blueprint.keeper', TRUE), '');
    PERFORM set_config('blueprint.keeper', 'on', TRUE);
    RETURN QUERY SELECT p.login, p.name, a.role, a.department, a.section_id
        FROM blueprint.person AS p
        LEFT JOIN blueprint.appointment AS a
            ON a.person_id = p.id AND a.starts_at <= at AND (a.ends_at IS NULL OR a.ends_at > at)
        ORDER BY a.id;
    PERFORM set_config('blueprint.keeper', kept, TRUE);
END $$;

-- The functions of the audit log as they were, at work on all rows.
-- Append entries in order. The lock is held until the transaction ends: whoever calls this last waits least.
CREATE OR REPLACE FUNCTION blueprint.append_audit(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, blueprint, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    item jsonb;
    entry blueprint.audit_entry;
    last_seq bigint;
    last_hash bytea;
    kept text := coalesce(current_setting('blueprint.keeper', TRUE), '');
BEGIN
    PERFORM set_config('blueprint.keeper', 'on', TRUE);
    PERFORM pg_advisory_xact_lock(8448);
    SELECT seq, hash INTO last_seq, last_hash FROM blueprint.audit_entry ORDER BY seq DESC LIMIT 1;
    IF last_seq IS NULL THEN
        SELECT seq, hash INTO last_seq, last_hash FROM blueprint.audit_checkpoint ORDER BY seq DESC LIMIT 1;
    END IF;
    last_seq := coalesce(last_seq, 0);
    last_hash := coalesce(last_hash, sha256('One Blueprint'));
    FOR item IN SELECT * FROM jsonb_array_elements(entries) LOOP
        entry := jsonb_populate_record(NULL::blueprint.audit_entry, item);
        last_seq := last_seq + 1;
        entry.seq := last_seq;
        entry.at := clock_timestamp();
        entry.previous := last_hash;
        entry.hash := NULL;
        last_hash := blueprint.audit_hash(entry);
        entry.hash := last_hash;
        INSERT INTO blueprint.audit_entry SELECT (entry).*;
    END LOOP;
    PERFORM set_config('blueprint.keeper', kept, TRUE);
    RETURN last_seq;
END $$;

-- Remove entries up to a number, which was written to a file first; the chain goes on from the checkpoint.
CREATE OR REPLACE FUNCTION blueprint.retire_audit(last_retired bigint, sha256_of_file text, who text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, blueprint, pg_temp
AS $$
DECLARE
    removed bigint;
    kept text := coalesce(current_setting('blueprint.keeper', TRUE), '');
BEGIN
    PERFORM set_config('blueprint.keeper', 'on', TRUE);
    PERFORM pg_advisory_xact_lock(8448);
    IF EXISTS (SELECT FROM blueprint.audit_entry WHERE seq <= last_retired AND at > now() - interval '180 days') THEN
        RAISE EXCEPTION 'audit entries are kept for 180 days at least';
    END IF;
    INSERT INTO blueprint.audit_checkpoint (seq, hash, file_sha256, retired_by, retired_at)
    SELECT seq, hash, sha256_of_file, who, clock_timestamp() FROM blueprint.audit_entry WHERE seq = last_retired;
    PERFORM set_config('blueprint.retiring_audit', 'on', TRUE);
    DELETE FROM blueprint.audit_entry WHERE seq <= last_retired;
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM set_config('blueprint.retiring_audit', '', TRUE);
    PERFORM set_config('blueprint.keeper', kept, TRUE);
    RETURN removed;
END $$;

REVOKE EXECUTE ON FUNCTION blueprint.retire_audit(bigint, text, text) FROM PUBLIC;

-- Statistics are the owner's to make; a publication asks for them. A sample of 3,000 rows does for the planner to keep
-- to the spatial index; the usual one of 30,000 took a fifth of a publication.
CREATE FUNCTION blueprint.analyze_shapes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_statistics_target = 10
AS $$ BEGIN ANALYZE blueprint.feature, blueprint.part, blueprint.tile_shape; END $$;
"""

_PROJECTS = "(SELECT blueprint.sees('projects'))"
_OF_DEPARTMENT = (
    "(SELECT blueprint.sees('open_work')) OR (SELECT blueprint.viewer() -> 'departments') ?| ARRAY[{}]"
)
_CASES = "(SELECT blueprint.sees('cases'))"
_OWN_PERSON = "(SELECT blueprint.sees('accounts')) OR {} = (SELECT blueprint.viewer_person())"
_AUDIT = "(SELECT blueprint.sees('audit'))"
_WALLS = {
    "coordination.project": _PROJECTS,
    "coordination.footprint_revision": _PROJECTS,
    "coordination.consultation": _PROJECTS,
    "coordination.clearance": _PROJECTS,
    "coordination.handover": _PROJECTS,
    "coordination.check": "(SELECT blueprint.sees('checks')) AND ((SELECT blueprint.sees('restricted'))"
    " OR blueprint.may_read_report(report, (SELECT blueprint.viewer())))",
    "coordination.opinion_request": "(SELECT blueprint.sees('opinions'))"
    f" OR {_OF_DEPARTMENT.format('department')}",
    # The policy of the request stands in the subselect, too.
    "coordination.opinion": "(SELECT blueprint.sees('opinions'))"
    " OR EXISTS (SELECT FROM coordination.opinion_request AS request WHERE request.id = opinion.request_id)",
    "approval.case": _CASES,
    "approval.case_stage": _CASES,
    "blueprint.access_grant": "(SELECT blueprint.sees('grants'))"
    f" OR {_OF_DEPARTMENT.format('owner, department')}",
    "blueprint.export": "(SELECT blueprint.sees('grants')) OR account = (SELECT blueprint.viewer_account())"
    " OR department = (SELECT blueprint.viewer_department())"
    " OR EXISTS (SELECT FROM blueprint.layer_version AS version INNER JOIN blueprint.layer ON layer.id = version.layer_id"
    " WHERE version.id = export.version_id AND layer.department = (SELECT blueprint.viewer_department()))",
    "blueprint.person": _OWN_PERSON.format("id"),
    "blueprint.appointment": _OWN_PERSON.format("person_id"),
    "blueprint.second_factor": _OWN_PERSON.format("person_id"),
    "blueprint.recovery_code": _OWN_PERSON.format("person_id"),
    "blueprint.linked_identity": _OWN_PERSON.format("person_id"),
    "blueprint.session": _OWN_PERSON.format("person_id"),
    "blueprint.token": "(SELECT blueprint.sees('accounts'))",
    "blueprint.failed_sign_in": "(SELECT blueprint.sees('accounts'))",
    "blueprint.audit_entry": _AUDIT,
    "blueprint.audit_checkpoint": _AUDIT,
}
"""What a row must fulfil to be read, changed or made. A subselect is worked out once a statement, not once a row."""


def upgrade() -> None:
    """Raise the wall; the owner is held to it too, unless it says that it works as keeper."""
    op.execute(_FUNCTIONS)
    for table, condition in _WALLS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON {table} USING ({condition})")


def downgrade() -> None:
    """Take the wall down; the code's own checks stay, and the functions of the audit log, which work without it too."""
    for table in _WALLS:
        op.execute(f"DROP POLICY wall ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
    op.execute("GRANT EXECUTE ON FUNCTION blueprint.retire_audit(bigint, text, text) TO PUBLIC")
    for function in (
        "blueprint.analyze_shapes()",
        "coordination.latest_check_in_short(integer)",
        "blueprint.directory(timestamptz)",
        "blueprint.may_read_report(jsonb, jsonb)",
        "blueprint.viewer_person()",
        "blueprint.viewer_account()",
        "blueprint.viewer_department()",
        "blueprint.sees(text)",
        "blueprint.viewer()",
        "blueprint.is_signed(text, text)",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE blueprint.wall_key")
