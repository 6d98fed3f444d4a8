"""`serve:` in segflow.yml: the limits of `segflow serve`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segflow.spec_model import SpecModel


class ServeSettings(SpecModel):
    """Limits of `segflow serve`."""

    max_body_bytes: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """A larger request is refused with 413. Providers send up to 3 MB in one call."""
    callbacks_per_second: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    """Calls of providers and uses of links per client address; more are refused with 429."""
    requests_per_second: Annotated[int, Field(ge=1, le=100_000)] = 50
    """All other requests per client address."""
    tests_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Tests of messages per key of the HTTP API; more are refused with 429."""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 500
    """At once, over all clients; more are refused with 503."""
    seconds: Annotated[int, Field(ge=1, le=600)] = 20
    """How long a client may take for its headers, and for its body."""
