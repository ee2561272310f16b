"""The leader's work on cluster volumes through storage plugins (docs/design/volumes.md 12.5).

Entry point: `manager.VolumeManager`. Inside: `due` (what a volume needs next), `ports` (plugins as seen from here).
"""
