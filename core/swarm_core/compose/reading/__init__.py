"""From the bytes of compose files to plain values that know where they were written.

Entry points: `reader.read`; `interpolate.interpolate` puts variables in; `env_file.parse` reads environment files; `values` and
`notes` are what the other rooms of `compose` work with.
"""
