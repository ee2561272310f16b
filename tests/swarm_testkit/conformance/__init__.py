"""Suites that every implementation of a port passes: `executor`, and `control` for connections to a manager."""
