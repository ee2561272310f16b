"""Changes to a cluster, planned and applied without a screen; the commands and the dashboard share them.

Entry points: `model` (`Plan`, `Outcome`, `apply`); one module per operation, each with `plan(view, ids, …) -> Plan`: `scale`, `update`,
`remove`, `create`, `nodes`, `cluster`; `changes` (what those that edit specs are made of), `references` (names looked up before a
service is planned), `sentences` (a failure in one sentence).
"""
