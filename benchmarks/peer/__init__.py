"""What bench_peer.py measures with: clients that cost little and are the same for both sides, and both sides' managers."""
