"""Addresses for tasks and nodes on networks that are there already: `allocator` is the component, the rest is pure."""
