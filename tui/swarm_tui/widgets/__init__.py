"""Drawn parts that know nothing of the swarm's rules.

Doors: `theme` (our themes, colours by role), `paint` (spans to strips), `table` (ObjectTable), `lines`
(scrolling text with search), `log_lines`, `notes`, `header`, `key_bar`, `filter_bar`.
"""
