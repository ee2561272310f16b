"""For everybody outside a manager: programs of people, and agents.

Entry points: `connection.Connection` (one channel to one manager), `errors` (CallFailed, Unreachable), `trust` (whom to
believe), `sockets` (where the control sockets are); for people's programs `control`, `watch`, `logs`; for agents
`dispatch`, `certificates`.
"""
