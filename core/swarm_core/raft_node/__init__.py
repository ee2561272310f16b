"""The shell of raft: disk, network and waiting around the pure core.

Doors: `node.RaftNode` (the component), `config.RaftNodeConfig`, `machine.StateMachine`, `disk.Disk` and
`disk.SystemDisk`, `encryption.KeyStore`, `transport.Transport`, and `errors`.
"""
