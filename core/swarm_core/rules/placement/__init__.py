"""Placement as pure rules, shared by the leader's scheduler and by clients that explain (docs/design/scheduling.md 3).

Entry points: `constraint` (parse, match), `node_info` (one node with running sums), `filters` (what a node must have),
`spread` (which node is best), `explain` (why none is).
"""
