"""The audit log: append-only, chained by hashes, with a checkpoint where old entries were retired.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LOG = """
CREATE TABLE blueprint.audit_entry (
    seq bigint CONSTRAINT pk_audit_entry PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    department text,
    roles text[] NOT NULL,
    channel text NOT NULL,
    address text,
    request_id text,
    act text NOT NULL,
    kind text NOT NULL,
    thing text NOT NULL,
    purpose text,
    before jsonb,
    after jsonb,
    outcome text NOT NULL CONSTRAINT ck_audit_entry_outcome CHECK (outcome IN ('done', 'refused')),
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX ix_audit_entry_at ON blueprint.audit_entry (at);
CREATE INDEX ix_audit_entry_actor ON blueprint.audit_entry (actor, seq);
CREATE INDEX ix_audit_entry_thing ON blueprint.audit_entry (kind, thing, seq);

CREATE TABLE blueprint.audit_checkpoint (
    seq bigint CONSTRAINT pk_audit_checkpoint PRIMARY KEY,
    hash bytea NOT NULL,
    file_sha256 text NOT NULL,
    retired_by text NOT NULL,
    retired_at timestamptz NOT NULL
);

-- What an entry's hash is of: the hash before it, and all its columns but the two hashes, as jsonb writes them.
CREATE FUNCTION blueprint.audit_hash(entry blueprint.audit_entry) RETURNS bytea
LANGUAGE sql STABLE SET timezone = 'UTC'
AS $$ SELECT sha256(entry.previous || convert_to(CAST(to_jsonb(entry) - 'previous' - 'hash' AS text), 'UTF8')) $$;

-- Append entries in order. The lock is held until the transaction ends: whoever calls this last waits least.
CREATE FUNCTION blueprint.append_audit(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, blueprint, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
    item jsonb;
    entry blueprint.audit_entry;
    last_seq bigint;
    last_hash bytea;
BEGIN
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
    RETURN last_seq;
END $$;

-- Remove entries up to a number, which was written to a file first; the chain goes on from the checkpoint.
CREATE FUNCTION blueprint.retire_audit(last_retired bigint, sha256_of_file text, who text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, blueprint, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
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
    RETURN removed;
END $$;

CREATE FUNCTION blueprint.refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('blueprint.retiring_audit', TRUE) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON blueprint.audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_change_of_audit();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON blueprint.audit_checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_change_of_audit();
"""


def upgrade() -> None:
    """An empty log; what was done before is in the rows that were changed."""
    op.execute(_LOG)


def downgrade() -> None:
    """Remove the log: export it first."""
    op.execute("DROP FUNCTION blueprint.retire_audit(bigint, text, text)")
    op.execute("DROP FUNCTION blueprint.append_audit(jsonb)")
    op.execute("DROP FUNCTION blueprint.audit_hash(blueprint.audit_entry)")
    op.execute("DROP TABLE blueprint.audit_checkpoint")
    op.execute("DROP TABLE blueprint.audit_entry")
    op.execute("DROP FUNCTION blueprint.refuse_change_of_audit()")
