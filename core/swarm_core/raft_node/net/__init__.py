"""Messages between members: the transport port, its gRPC form, what may come in."""
