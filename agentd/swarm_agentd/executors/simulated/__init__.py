"""The simulated executor: `executor.SimulatedExecutor` pretends tasks, `log_lines` is what they write."""
