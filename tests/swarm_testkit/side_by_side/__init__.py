"""Situations of a swarm's life, played on ours and on Docker Engines in swarm mode: `situations`, `sides`, `play`, `state`."""
