"""Between the Engine API's JSON and the cluster's messages, both ways (docs/design/engine-api-json.md).

A module per noun: `to_json(object, version)`, `from_json(body, version)`, and `to_form(object)`, which is what a template of docker's
sees (`form`). What they have in common are tables, made of the rows of `shape`; `given` reads what a client sent. All of it is pure: no
clock, no chance, no call.
"""
