"""What people see of each kind of object, without Textual: a kind is data.

Doors: `registry` (all kinds), `model` (columns, cells, health, problems, sections), `problems.ProblemBoard` (what is
wrong in the whole cluster), `format` (ages, sizes, ids, images).
"""
