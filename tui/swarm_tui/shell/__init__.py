"""The one screen around the views, from parts that are plain objects with small ports.

`screen` puts them together. `navigator` goes from view to view, `selection` says what is selected, `painter` brings what is
shown up to date, `runner` runs verbs, `find_line` is where filters and searches are typed, `toolkit` lends them Textual.
"""
