"""One Docker API socket over many engines. Door: `routes.make_routes`."""
