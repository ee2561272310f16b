"""A node of a swarm: `node.Node` ties identity, agent and the manager process together."""
