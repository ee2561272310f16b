"""The normal form of a file: every short form written out, every path absolute, every duration and size in one notation.

Entry points: `normal.normal` (a whole file), of `services` and `objects`; `words`, `ports`, `mounts`, `environment` and `scalars` each know
one notation. The normal form is made of the same keys as the file: what `stack config` prints is nothing else.
"""
