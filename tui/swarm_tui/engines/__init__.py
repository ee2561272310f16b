"""Many engines as last seen: the mirror that holds their objects for the views, what feeds it, and the session over it."""
