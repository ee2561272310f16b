"""Ports of process tasks on this node: their numbers, and the forwarder that leads published ports to them.

Begin with `published` (the one face the agent sees). `choice` gives numbers, `tasks` knows which tasks of this node take connections,
`table` where the tasks of all nodes are, `forwarder` listens and leads on, `gate` lets other nodes in.
"""
