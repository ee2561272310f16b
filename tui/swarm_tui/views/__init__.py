"""What fills the screen: one room a view, each knowing nothing of keys, verbs or the others.

`view` says what a view is, `registry` which there are; `lines_view` is the ground of those that are lines of text.
"""
