"""The Control service. Door: `server` (ControlApi); a module per kind holds that kind's rules."""
