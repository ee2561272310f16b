"""What people see of each kind of object, without Textual: a kind is data.

Where to begin: `model` (what a kind is made of), `registry` (all kinds), `refs` (how an object is named across clusters),
`problems.ProblemBoard` (what is wrong in the whole cluster), `format` (ages, sizes, ids, images). A module per kind.
"""
