"""Questions to the person; each dialog returns a typed answer.

Entry points: `confirm`, `plan`, `scale`, `choose`, `help`.
"""
