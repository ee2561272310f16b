"""Templates in task specs and payloads: Go's text/template. Agents expand them (`tasks`), the Control API tries them first.

`parse` makes nodes of a text, `execute` runs them, `functions` and `formatting` are what they may call, `values` what they
work on. Pure and bounded: a template comes from a user and runs on managers too.
"""
