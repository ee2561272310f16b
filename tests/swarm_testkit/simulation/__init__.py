"""A cluster in one thread, from one seed. Doors: `replay.simulate`, `plan.Plan`, `world.World`, `history.explain`."""
