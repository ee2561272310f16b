"""The past of a cluster, as this client saw it."""
