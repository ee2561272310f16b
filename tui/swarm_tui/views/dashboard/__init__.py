"""The first view."""
