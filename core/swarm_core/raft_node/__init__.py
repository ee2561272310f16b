"""The shell of raft: disk, network and waiting around the pure core.

Others begin with `node.RaftNode`, whose parts they use, `life.MemberLife` and `receiver.Receiver`. What they hand in:
`config.RaftNodeConfig`, `machine.StateMachine`, `log.disk.Disk`, `log.keyring.Keyring` and `net.transport.Transport`.
"""
