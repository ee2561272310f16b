"""Lists of objects."""
