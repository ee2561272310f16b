"""A scripted day of work with the docker command, on a node of ours and on a Docker Engine in swarm mode: what both print is compared."""
