"""Subnets, endpoints and addresses: `allocator` is the component, the rest is pure."""
