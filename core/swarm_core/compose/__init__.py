"""Stacks: services, networks, secrets and configs described in compose files. Pure: no file is opened and no manager is asked here.

Entry points: `project.load` (files to one project in normal form), `convert.stack.convert` (a project to the specs of a swarm),
`dump.dump` (normal form as text). The rules are docs/design/stacks.md.
"""
