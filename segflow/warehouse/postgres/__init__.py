"""The wing of Postgres: a server that a team shares."""
