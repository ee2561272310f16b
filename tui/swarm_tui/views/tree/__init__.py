"""The tree: what hangs on what, with the worst of it told above."""
