"""Replicated memory. Entry points: `memory` (MemoryStore), `transactions` (Transaction), `by` (query terms),
`events` (Commit and its events), `errors`, `proposer` (the port that replicates)."""
