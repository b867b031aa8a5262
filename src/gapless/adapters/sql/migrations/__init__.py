"""Migrations, run by `gapless.adapters.sql.migrating` without alembic's own configuration files."""
