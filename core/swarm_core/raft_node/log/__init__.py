"""What a member keeps: write-ahead log, snapshots, encryption at rest, the disk port."""
