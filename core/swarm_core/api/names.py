"""Words and numbers that several rooms, and the other implementations, must know alike."""

# Roles as certificates name them, in their organizational unit; servers' certificates are for these names too (docs/design/certificates.md
# 3.1, 3.2).
MANAGER_ROLE = "swarm-manager"
WORKER_ROLE = "swarm-worker"
CA_ROLE = "swarm-ca"

# Where managers listen when nobody says otherwise: for nodes, for other managers and for people's programs.
MANAGER_PORT = 4242

# The label by which services belong to a stack, as the docker command line writes it.
STACK_LABEL = "com.docker.stack.namespace"
