"""The web process: the dashboard, the API and the account pages under one server."""
