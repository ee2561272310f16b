"""The cluster as last seen, without Textual.

Where to begin: `session.Session` (a cluster as the interface uses it), `mirror.Mirror` (fed by a watch, read by views),
`managers.ManagerNews` (tells a mirror how its managers stand), `tables.Table` (sorted and filtered rows of one kind),
`filters.parse` (the filter line's grammar).
"""
