"""Which keys and values a compose file may hold, since which version (docs/design/stacks.md 12.1).

Entry point: `check.check`; the tables stand in `files`, `services` and `deploy`, made of the parts in `parts`.
"""
