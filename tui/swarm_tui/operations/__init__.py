"""Changes to a cluster, planned and applied without a screen; the commands and the dashboard share them.

Doors: `model` (`Plan`, `Outcome`, `apply`); one module per operation, each with `plan(view, ids, …) -> Plan`; `sentences`
(a failure in one sentence).
"""
