"""The manager process. Door: `main` (the command `swarm-managerd`); `wiring` builds the parts and runs them."""
