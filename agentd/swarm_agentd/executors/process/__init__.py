"""The process runtime: `executor.ProcessExecutor`. A task is a process of this machine, kept by a shim that outlives the daemon."""
