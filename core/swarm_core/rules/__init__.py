"""Pure rules that leader and client share."""
