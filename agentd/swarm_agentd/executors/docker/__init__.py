"""The container runtime: `executor.DockerExecutor`. A task is a container of a Docker Engine on this machine."""
