"""Templates in task specs and payloads: Go's text/template. Agents expand them (`tasks`), the Control API tries them first.

`lex` cuts a text into tokens, `parse` makes nodes of them, `execute` runs them, `functions` and `formatting` are what they may call, `values` what they
work on. Pure and bounded: a template comes from a user and runs on managers too.
"""
