"""`segflow serve`: what providers call, what links in messages lead to, and the HTTP API."""
