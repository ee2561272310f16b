"""Docker Engines as they are found on machines: `client` is the way to one of them, without threads and without docker-py."""
