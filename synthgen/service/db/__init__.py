"""Tables, connection and unit of work."""
