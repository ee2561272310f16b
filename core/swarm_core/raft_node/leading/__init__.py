"""Becoming leader and ceasing to be it, and what only a leader may do: propose, change the members, hand over."""
