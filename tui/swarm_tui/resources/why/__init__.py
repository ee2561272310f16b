"""Why a service or a task is not as it is wanted, computed from the objects alone: a Docker Engine's cluster can be asked too.

Entry points: `services.explain` and `tasks.explain` give an `explanation.Explanation`; `ends` knows how tasks end badly.
"""
