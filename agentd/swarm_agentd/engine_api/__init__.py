"""The Docker Engine's HTTP API on a node of ours (docs/design/engine-api.md, docs/design/engine-api-json.md): `translate` knows its JSON."""
