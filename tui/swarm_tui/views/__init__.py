"""The screens and what can be done in them.

Doors: `actions` (the verb registry behind keys, footer, palette and help), `main_screen` (the one screen
whose views are switched), `palette` (the command palette's provider).
"""
