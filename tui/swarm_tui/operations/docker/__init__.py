"""A plan as the docker commands that do the same.

Entry point: `commands.commands_of(plan, pairs, view)`; `service` knows the flags of a service's spec.
"""
