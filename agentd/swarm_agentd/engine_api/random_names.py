"""A name for a service that came without one: an adjective and the surname of somebody who made computers or networks what they are."""

import random
from typing import Final

_ADJECTIVES: Final = (
    "able", "brisk", "calm", "candid", "careful", "clear", "cordial", "curious", "eager", "earnest", "fair", "fluent", "frank",
    "gentle", "glad", "hardy", "honest", "humble", "keen", "kind", "lively", "lucid", "mellow", "merry", "modest", "neat", "patient",
    "placid", "polite", "prompt", "quick", "quiet", "ready", "sincere", "steady", "sunny", "sturdy", "tidy", "tranquil", "witty",
)  # fmt: skip
_SURNAMES: Final = (
    "allen", "backus", "baran", "bartik", "boole", "cerf", "church", "codd", "conway", "cook", "davies", "diffie", "dijkstra", "estrin",
    "feinler", "goldwasser", "gray", "hamilton", "hamming", "hellman", "hoare", "holberton", "hopper", "kahn", "kay", "kleinrock", "knuth",
    "lamport", "liskov", "lovelace", "merkle", "metcalfe", "micali", "naur", "noether", "perlman", "postel", "ritchie", "rivest", "shannon",
    "tarjan", "thompson", "turing", "wilkes", "wirth", "yao", "zuse",
)  # fmt: skip


def random_name(rng: random.Random) -> str:
    """Such as keen_liskov. Others may have it already: then the manager says so."""
    return f"{rng.choice(_ADJECTIVES)}_{rng.choice(_SURNAMES)}"
