"""What answers from outside: callbacks of providers, unsubscribe and preference pages, tracked links (docs/SERVE.md),
and the HTTP API (docs/API.md)."""
