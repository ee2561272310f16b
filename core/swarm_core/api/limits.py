"""Sizes that several rooms must agree on, each with the reason for it.

A limit that one room alone knows stands in that room. Those here depend on each other, which is checked when they are
loaded.
"""

# An encoded InternalRaftRequest: every member refuses larger ones (docs/design/store.md 1.5).
ENTRY_BYTES_MAX = 1_572_864

# What a server takes in one message, ours and SwarmKit's: the default of gRPC's servers.
REQUEST_BYTES_MAX = 4 << 20

# What a client takes in one message: lists of a large cluster are one message, and servers do not limit what they send.
ANSWER_BYTES_MAX = 256 << 20

# An entry travels between managers inside one request, with the heads of the messages around it.
assert ENTRY_BYTES_MAX + 4096 <= REQUEST_BYTES_MAX <= ANSWER_BYTES_MAX
