"""Postgres: the tables, what is written to them, and what is read back. Nothing else knows it."""
