"""What a person wants of the dashboard, from a file: `file` reads and watches it, `model` is what it says."""
