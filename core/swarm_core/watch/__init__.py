"""In-process publishing. Door: `queue` (Publisher, Subscription, Overflow)."""
