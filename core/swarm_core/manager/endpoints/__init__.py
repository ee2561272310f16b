"""Where the tasks behind published ports of process services are, told to all nodes of ours (docs/design/ports.md P.5).

`table` is the value, `api` the service Endpoints on the leader.
"""
