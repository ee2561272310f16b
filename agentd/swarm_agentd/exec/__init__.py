"""What an agent asks of a runtime: `executor.Executor`, `controller.Controller`, `step.next_call`, `errors`."""
