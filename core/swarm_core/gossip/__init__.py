"""How Docker Engines find one another where no manager is one: a meeting point for their gossip."""
