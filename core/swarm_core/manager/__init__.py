"""The manager's work. Entry point: `manager` (Manager: leadership in, components on or off). Handlers: `control_api`,
`watch_api`, `dispatcher`, `log_broker`, `ca_server`, `health`. Loops: `orchestrator`, `scheduler`,
`cluster_init`."""
