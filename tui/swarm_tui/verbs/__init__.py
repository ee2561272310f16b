"""What a key, a palette entry or a click on the key bar does: one module and one registry line a verb."""
