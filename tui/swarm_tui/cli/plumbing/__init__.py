"""What commands are made of: flags, values, sessions, output, completion."""
