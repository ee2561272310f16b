"""What every HTTP face of ours shares (docs/design/engine-api.md): `version` and `errors` are plain values, and whoever translates needs
nothing else of this room."""
