"""Consensus without I/O: ticks, messages and proposals in, one `Ready` of effects out.

Entry points: `raw_node.RawNode` with `config.Config`; values in `types`, `status` and `errors`; the port `storage.Storage`
with its in-memory twin `storage.MemoryStorage`; `conf_change.marshal` and `unmarshal`.
Nothing here imports the rest of the project, reads a clock or touches file or socket.
"""
