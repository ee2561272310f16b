"""One object in words, or as YAML."""
