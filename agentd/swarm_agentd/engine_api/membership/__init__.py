"""The cluster that this machine is in, or in none: begun, joined, left and unlocked while the daemon runs (docs/design/engine-api.md E12)."""
