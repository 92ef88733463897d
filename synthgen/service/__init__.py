"""The service: use cases over a database, a queue and an artifact store. Importing it starts nothing."""
