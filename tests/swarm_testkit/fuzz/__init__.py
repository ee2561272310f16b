"""Inputs from outside that nobody honest sends, drawn from seeds, and what must hold for each (docs/design/fuzzing.md).

Doors: `kinds.KINDS`, which is what can be fuzzed; `frame.hunt` plays inputs of one; `coverage` says which lines they reached; `ledger` keeps count.
"""
