"""What is claimed of a system: `language` has the kinds of properties, `client_join` those of this protocol."""
