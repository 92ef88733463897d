"""Datasets say what kind of data they hold: tables or labelled images. Those there already are tables.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("datasets") as table:
        table.add_column(sa.Column("modality", sa.String(length=20), nullable=False, server_default="tabular"))


def downgrade() -> None:
    with op.batch_alter_table("datasets") as table:
        table.drop_column("modality")
