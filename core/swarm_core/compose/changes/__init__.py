"""From what a stack should be and what a cluster holds to what has to be done (docs/design/stacks.md 12.7, 12.8).

Entry points: `held.Held` (the cluster's objects as a stack looks at them), `plan.plan` (the steps), `waves.waves` (the order of services),
`binding.bound` (ids for names), `state` (the applied file, kept in the cluster), `differences` (what would change, in words).
"""
