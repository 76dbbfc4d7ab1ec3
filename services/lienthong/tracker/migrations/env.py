"""Run by alembic: the connection is handed over by `lienthong.tracker.migration`."""

from alembic import context

from lienthong.tracker.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
