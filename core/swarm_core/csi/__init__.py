"""Calls on storage plugins by the Container Storage Interface, for managers and nodes (docs/design/volumes.md 12.4).

Entry points: `sockets` (which plugins there are, from flags), `controller.Controllers` for managers, `node.NodePlugins` for
nodes, `errors` for both. Inside: `connection` (one plugin's socket), `convert` (SwarmKit's values as the interface's).
"""
