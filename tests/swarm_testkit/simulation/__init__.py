"""A cluster in one thread, from one seed. Entry points: `replay.simulate`, `plan.Plan`, `world.World`, `history.explain`."""
