"""The client of Docker Engines, without threads and without docker-py: `engine` is one of them."""
