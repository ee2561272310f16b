"""The engines of a swarm's nodes: each node's label `swarmtui.engine`, or one pattern for all of them.

Rules
1. The label's value is the engine's address. A node without it has an engine by the pattern, in which `{addr}` is the node's address.
2. A node that is neither labelled nor has an address has no engine.
3. An engine is called as its node's machine; where two machines are called alike, by the node's id.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.engines.records import EngineEntry
from swarm_core.engines.ways import problem_of

LABEL = "swarmtui.engine"
ADDRESS = "{addr}"
SOURCE = "the swarm's nodes"


def entries_of_nodes(
    nodes: Iterable[Node], pattern: EngineEntry | None = None
) -> tuple[list[EngineEntry], list[str]]:
    """The engines of the nodes, and what is wrong with addresses. The pattern's certificates are for all engines."""
    listed = list(nodes)
    names = Counter(node.description.hostname for node in listed)
    entries, problems = [], []
    for node in listed:
        hostname = node.description.hostname
        name = hostname if hostname and names[hostname] == 1 else node.id
        url = node.spec.annotations.labels.get(LABEL, "") or _patterned(node, pattern)
        if not url:
            continue
        if problem := problem_of(url):
            problems.append(f"the engine's address of node {name}, {url}, {problem}")
            continue
        base = pattern or EngineEntry("")
        entries.append(replace(base, url=url, name=name, source=SOURCE))
    return entries, problems


def _patterned(node: Node, pattern: EngineEntry | None) -> str:
    if pattern is None or not node.status.addr:
        return ""
    address = f"[{node.status.addr}]" if ":" in node.status.addr else node.status.addr
    return pattern.url.replace(ADDRESS, address)
