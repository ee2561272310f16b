"""The manager process. Entry point: `main` (the command `swarm-managerd`); `wiring` builds the parts and runs them."""
