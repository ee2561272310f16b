"""Real rounds: managers and agents as processes on hosts of their own, faults drawn from a number, clients whose history is checked.

Doors: `plan` (what a number means), `play` (plays numbers that follow one another on one cluster), `ledger` (what was played).
"""
