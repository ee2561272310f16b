"""In-process publishing. Entry point: `queue` (Publisher, Subscription, Overflow)."""
