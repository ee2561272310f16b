"""On which engine a container is made: `request` says what it needs, `decide` ranks engines and tells why. Pure; after classic Swarm."""
