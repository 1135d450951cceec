"""Alembic's environment: one connection, one transaction for all migrations (PostgreSQL's DDL is transactional)."""

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

import approval.models
import blueprint.accounts.models
import blueprint.accounts.stand_in_models
import blueprint.audit.models
import blueprint.crs_registry
import blueprint.idempotency
import blueprint.jobs.models
import blueprint.layers.models
import blueprint.models
import blueprint.quality.models
import blueprint.sharing.models
import blueprint.standards.models
import coordination.attachment_models
import coordination.batch.models
import coordination.guidance
import coordination.handling_models
import coordination.handover_models
import coordination.kept_rules
import coordination.meeting_models
import coordination.models
import coordination.notice_models
import coordination.plan_audit.models
import coordination.rules_in_force
import coordination.update_models
from blueprint.database import SCHEMAS, Base

MODELS = (
    blueprint.models,
    blueprint.audit.models,
    blueprint.crs_registry,
    blueprint.accounts.models,
    blueprint.accounts.stand_in_models,
    blueprint.sharing.models,
    blueprint.standards.models,
    blueprint.quality.models,
    blueprint.idempotency,
    blueprint.jobs.models,
    blueprint.layers.models,
    coordination.batch.models,
    coordination.attachment_models,
    coordination.guidance,
    coordination.handling_models,
    coordination.handover_models,
    coordination.kept_rules,
    coordination.rules_in_force,
    coordination.meeting_models,
    coordination.models,
    coordination.notice_models,
    coordination.plan_audit.models,
    coordination.update_models,
    approval.models,
)
"""What the metadata must know before it is compared."""


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Compare our own schemas only, not PostGIS's or another system's."""
    return name in SCHEMAS if type_ == "schema" else True


def _as_keeper(ctx: MigrationContext, *_: Any, **__: Any) -> None:
    """The next migration sees every row again, though one before it gave that up at its end."""
    assert ctx.connection is not None
    ctx.connection.execute(text("SELECT set_config('blueprint.keeper', 'on', TRUE)"))


def run(connection: Connection) -> None:
    """Run the migrations on the connection that the caller gave."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=include_name,
        version_table="schema_revision",
        version_table_schema="public",
        on_version_apply=_as_keeper,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
