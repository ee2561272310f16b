"""Drawn parts that know nothing of the swarm's rules.

`theme` holds our themes and colours by role, `paint` makes strips of spans. `table` (ObjectTable), `lines` (scrolling text with
search), `log_lines` and `notes` fill a pane; `bars` and `filter_bar` are one line each.
"""
