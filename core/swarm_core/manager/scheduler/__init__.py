"""The leader's scheduler: the loop around the rules of `swarm_core.rules.placement`.

Entry point: `scheduler.Scheduler`. Inside: `board` (state and decisions), `groups` (who waits), `decisions` (writes).
"""
