"""The leader's orchestrators: they turn services into tasks, replace tasks and clear them away.

Entry points: `replicated.ReplicatedOrchestrator`, `global_.GlobalOrchestrator`,
`jobs.JobsOrchestrator`, `task_reaper.TaskReaper`,
`constraint_enforcer.ConstraintEnforcer`. Inside: `loop` (what the orchestrators share), `restart` with
`restart_history` and `delayed_starts`, `slots`, `job_slots`, `dirty`, `task_init`, `new_task`, `changes`.
"""
