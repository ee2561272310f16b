"""Specs put together from what people write: flags, a form's fields, and later compose files and the Engine's JSON.

Entry points: `notation` (sizes, durations, CPUs, pairs …), `parts` (mounts, ports, references …), `draft` (a service's spec while
it is put together) with setters by topic (`service`, `task`, `container`, `health`, `placement`, `policies`), `replicas` (the
number of tasks and its limit), `node`, `cluster` and `payload` for the other kinds, `defaults`, `checks` (what a service's
spec must meet; the other kinds have their own `check`), `errors`.

A setter takes the draft or spec and the text or texts of one field. An entrance (the table of flags, the form) maps its
fields to setters and nothing else, so that one text means one thing wherever it is written. Reading is not judging: what
cannot be read is refused by the setter, what breaks a rule by the checks.
"""
