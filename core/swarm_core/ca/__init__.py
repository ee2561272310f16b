"""Identity: keys, certificates, the root CA, join tokens and what TLS needs of them.

Entry points: `root_ca.RootCa` (create, load, sign), `certificates` (identity of a node certificate), `csr`,
`key_file.KeyFile` (`<state>/certificates`, with the raft keys in its headers), `tokens`, `tls` (contexts and
credentials). Failures are in `errors`.
"""
