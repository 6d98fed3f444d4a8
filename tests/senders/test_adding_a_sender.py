"""The example of docs/ADDING_A_SENDER.md does what the page says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, SendError, TransientError
from segflow.messages import Sms
from segflow.outbox.drain import backoff

from .servers import Answer, hang, http_server, reset, status

PAGE = (Path(__file__).parents[2] / "docs" / "ADDING_A_SENDER.md").read_text()
MESSAGE = Sms(
    message_id="m1",
    contact_id="c1",
    flow="f",
    step="s",
    planned_at=datetime(2026, 3, 1, tzinfo=UTC),
    to="+442079460018",
    text="Hi",
)


@pytest.fixture(scope="module")
def example() -> Any:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(compile(code.group(1), "ADDING_A_SENDER.md", "exec"), names)
    return names["TextlySender"]


def test_it_sends(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http_server(status(201, b'{"id": "x7"}')) as server, example("t", url=server.url, api_key="k") as sender:
        assert sender.send(MESSAGE).provider_id == "x7"
    sent = server.calls[0]
    assert json.loads(sent.body) == {"to": "+442079460018", "text": "Hi"}
    assert (sent.headers["authorization"], sent.headers["idempotency-key"]) == ("Bearer k", "m1")


ANSWERS: dict[str, tuple[Answer, type[SendError]]] = {
    "400": (status(400), PermanentError),
    "401": (status(401), ConfigurationError),
    "429": (status(429), TransientError),
    "503": (status(503), TransientError),
    "hang": (hang, AmbiguousError),
    "reset": (reset, AmbiguousError),
}


@pytest.mark.parametrize(("answer", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_it_raises(example: Any, monkeypatch: pytest.MonkeyPatch, answer: Answer, error: type[SendError]) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        http_server(answer) as server,
        example("t", url=server.url, api_key="k", timeout=0.3) as sender,
        pytest.raises(error),
    ):
        sender.send(MESSAGE)


def test_the_page_names_the_backoff() -> None:
    assert [backoff(attempt) for attempt in (1, 2, 3, 4, 5, 50)] == [5, 60, 720, 8640, 21600, 21600]
    assert "5 s, 1 min, 12 min, 2.4 h, then every 6 h" in PAGE
