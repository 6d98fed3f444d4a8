"""A few words to people of your own, by chat or email, through apprise."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from segflow.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from segflow.messages import AnyMessage, Notify, Receipt, is_address
from segflow.senders.base import Sender, SenderSettings
from segflow.spec_model import Seconds


class NotifySettings(SenderSettings):
    """Chat and email to people of your own, through apprise (https://appriseit.com)."""

    channels = ("notify",)
    type: Literal["notify"]
    people: dict[str, Annotated[str | list[str], Field(min_length=1)]] = Field(default_factory=dict, repr=False)
    """Whom `to:` of a notify step may name: name -> the URL that apprise calls, or several."""
    email: str | None = Field(None, repr=False)
    """A URL with `{to}` in it, for addresses that are no name in `people`."""
    timeout: Seconds = 10
    """Seconds for all URLs of a message together."""

    @model_validator(mode="after")
    def _to(self) -> NotifySettings:
        if self.email is not None and "{to}" not in self.email:
            raise PydanticCustomError("notify", "email: has no {place}, where the address goes", {"place": "{to}"})
        return self

    def known_people(self) -> tuple[tuple[str, ...], bool]:
        return tuple(self.people), self.email is not None


def _silence(_: logging.LogRecord) -> bool:
    return False


class NotifySender(Sender):
    """Finds the URLs of whom a message is for, and lets apprise call them.

    Not idempotent: apprise hands over no id. Where a person has several URLs and some took it, it counts as sent, and
    the reason names the others: another try would tell twice.
    """

    settings = NotifySettings

    def __init__(
        self,
        name: str,
        *,
        people: Mapping[str, str | Sequence[str]] | None = None,
        email: str | None = None,
        timeout: float = 10,
    ) -> None:
        """`people`: name -> apprise's URL, or several. `email`: a URL with `{to}` for addresses that are no name there.
        `timeout`: seconds for all URLs of a message together."""
        super().__init__(name)
        self._people, self._email, self._timeout = dict(people or {}), email, timeout

    def open(self) -> None:
        # What it logs may hold a part of a URL, and URLs hold secrets; what matters is in the outcome.
        logging.getLogger("apprise").addFilter(_silence)

    def checks(self) -> str:
        return "has apprise read the URLs; nobody is told anything"

    def check(self) -> str:
        from apprise import Apprise

        self.open()
        listed = {name: [urls] if isinstance(urls, str) else list(urls) for name, urls in self._people.items()}
        if self._email is not None:
            listed["email:"] = [self._email.replace("{to}", "somebody@example.com")]
        wrong = [name for name, urls in listed.items() if not all(Apprise().add(url) for url in urls)]
        if wrong:
            # Not the URLs: they hold secrets.
            raise ConfigurationError(f"a URL of {', '.join(wrong)} is none that apprise knows")
        number = sum(len(urls) for urls in listed.values())
        return f"apprise knows all {number} URLs; whether they are right shows when somebody is told"

    def send(self, message: AnyMessage) -> Receipt:
        from apprise import Apprise

        if not isinstance(message, Notify):
            raise PermanentError(f"the notify sender tells people, it sends no {message.channel}")
        if not message.text:
            raise PermanentError("the text is empty")
        self.open()
        called = Apprise()
        for url in self._urls(message.to):
            if not called.add(url):
                raise ConfigurationError(f"a URL of {message.to} is none that apprise knows")
        with called.notify(body=message.text, title=message.title or "", timeout=self._timeout) as found:
            # An object, true only for success; by name: None and False, which earlier versions gave, are no results.
            status = found.status.name
            # Not their URLs: apprise does not mask all that is secret in them.
            failed = ", ".join(sorted({one.name for one in found if one.status.name != "SUCCESS"}))
        if status == "SUCCESS":
            return Receipt()
        if status == "PARTIAL":
            return Receipt(detail=f"not taken by {failed}")
        if status == "TIMEOUT":
            raise AmbiguousError(f"no answer in time from {failed}")
        if status == "NOMATCH":
            raise ConfigurationError(f"apprise has nobody to tell for {message.to}")
        raise TransientError(f"not taken by {failed}")

    def _urls(self, to: str) -> list[str]:
        if to in self._people:
            urls = self._people[to]
            return [urls] if isinstance(urls, str) else list(urls)
        if is_address(to) and self._email is not None:
            return [self._email.replace("{to}", quote(to, safe="@"))]
        hint = "give email: a URL with {to}, or add them to people:" if is_address(to) else "add them to people:"
        raise PermanentError(f"sender {self.name} knows nobody called {to}; {hint}")
