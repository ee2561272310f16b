"""The log broker: `broker.LogBroker` brings log subscriptions of clients and the agents that have the logs together."""
