"""The Control service: one handler for each kind of object. Way in: `parts.control_handlers`."""
