"""How the manager process ends, for the node daemon that started it."""

FAILED = 1
"""It said why on standard error."""
REMOVED = 4
"""This manager was taken out of the cluster's consensus: what it kept of it is of no use any more."""
