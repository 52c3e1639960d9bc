"""Tables, a module a kind."""
