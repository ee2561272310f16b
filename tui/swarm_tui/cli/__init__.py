"""The commands. Entry point: `main.main` (the command `swarm-tui`); a module per noun, loaded when its noun is typed."""
