"""The cluster as last seen, without Textual.

Doors: `mirror.Mirror` (fed by a watch, read by views), `tables.Table` (sorted and filtered rows of one kind),
`filters.parse` (the filter line's grammar).
"""
