"""What every program of ours that is watched by Prometheus shares (docs/design/metrics.md): `address`, where it is asked, `page`, what it
answers there, and `checks`, whether it is well. Loaded only where somebody asked for it."""
