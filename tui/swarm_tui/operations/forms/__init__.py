"""What people fill in to make or to change an object, without a screen: fields, what they mean, and what is wrong with them.

Entry points: `fields` (what a field is), `service_fields` (those of services), `sheet` (what is typed, and the spec it means), `twin` (the
same as YAML), `pasted` (a docker line or a compose service as a sheet), `editing` (a text in the person's editor), `plans` (what is sent).
"""
