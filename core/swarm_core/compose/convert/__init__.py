"""From a project in normal form to the specs of a swarm (docs/design/stacks.md 12.6).

Entry point: `stack.convert`. Specs name what they refer to: a network, secret or config by its name in the swarm, with no id, because
it may not exist yet.
"""
