"""The agent: `agent.Agent`, its ports in `session` (managers) and `storage` (the task store)."""
