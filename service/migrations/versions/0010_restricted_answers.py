"""How often restricted layers were asked by whom on a day: what a department is told of them is limited (Art. 18).

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE coordination.restricted_answer (
    day date NOT NULL,
    reader varchar(200) NOT NULL,
    owner varchar(40) NOT NULL,
    asked integer NOT NULL,
    CONSTRAINT pk_restricted_answer PRIMARY KEY (day, reader, owner)
);
"""


def upgrade() -> None:
    """Nobody has asked yet."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Forget who asked how often; the audit log has what was told."""
    op.execute("DROP TABLE coordination.restricted_answer")
