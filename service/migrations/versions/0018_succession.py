"""Events of publication, day of review, base of a delta.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_EVENTS = """
CREATE TABLE blueprint.publication_event (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_publication_event PRIMARY KEY,
    layer_id integer NOT NULL CONSTRAINT fk_publication_event_layer_id_layer REFERENCES blueprint.layer (id),
    old_version_id integer
        CONSTRAINT fk_publication_event_old_version_id_layer_version REFERENCES blueprint.layer_version (id),
    new_version_id integer
        CONSTRAINT fk_publication_event_new_version_id_layer_version REFERENCES blueprint.layer_version (id),
    starts_on date NOT NULL,
    act varchar(20) NOT NULL,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
)
"""


def upgrade() -> None:
    """What was published before has no event: nobody waits for it."""
    op.execute(_EVENTS)
    op.execute("ALTER TABLE blueprint.layer_version ADD COLUMN review_by date")
    op.execute(
        "ALTER TABLE blueprint.layer_version ADD COLUMN base_id integer"
        " CONSTRAINT fk_layer_version_base_id_layer_version REFERENCES blueprint.layer_version (id)"
    )


def downgrade() -> None:
    """Without them a version says neither what it was put on nor until when it is stood by."""
    op.execute("ALTER TABLE blueprint.layer_version DROP COLUMN base_id")
    op.execute("ALTER TABLE blueprint.layer_version DROP COLUMN review_by")
    op.execute("DROP TABLE blueprint.publication_event")
