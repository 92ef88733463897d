"""Jobs wait in queues by need, projects take turns in them, workers say what they offer.

Revision 0005, after 0004. Jobs that are queued or running keep their place: what waited for training waits for a CPU.
Columns have defaults, so that processes of the release before go on inserting rows while they are replaced one by one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

QUICK = "('inspect', 'export', 'erase')"


def upgrade() -> None:
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("queue", sa.String(length=20), nullable=False, server_default="cpu"))
        table.add_column(sa.Column("lost_leases", sa.Integer(), nullable=False, server_default="0"))
    op.execute(f"update jobs set queue = 'quick' where kind in {QUICK}")
    op.execute("update outbox set queue = 'cpu' where queue = 'training'")
    op.create_index("jobs_waiting", "jobs", ["project_id", "state", "queue", "created_at"], unique=False)
    op.create_index("jobs_finished", "jobs", ["project_id", "finished_at"], unique=False)
    op.create_table(
        "turns",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("served_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "queue"),
    )
    with op.batch_alter_table("workers") as table:
        table.add_column(sa.Column("slots", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("version", sa.String(length=40), nullable=False, server_default=""))
        table.add_column(sa.Column("devices", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index("workers_seen", "workers", ["project_id", "last_seen"], unique=False)
    op.execute(
        "insert into projects (project_id, created_at) select project_id, min(created_at) from jobs "
        "where project_id not in (select project_id from projects) group by project_id"
    )


def downgrade() -> None:
    op.drop_index("workers_seen", table_name="workers")
    with op.batch_alter_table("workers") as table:
        for name in ("devices", "version", "slots"):
            table.drop_column(name)
    op.drop_table("turns")
    op.drop_index("jobs_finished", table_name="jobs")
    op.drop_index("jobs_waiting", table_name="jobs")
    op.execute("update outbox set queue = 'training' where queue <> 'quick'")
    with op.batch_alter_table("jobs") as table:
        table.drop_column("lost_leases")
        table.drop_column("queue")
