"""Which addresses a webhook step may reach: what a name resolves to is judged, and that very address is called."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from segflow.errors import PermanentError, TransientError
from segflow.messages import Sms, WebhookCall
from segflow.senders.shared.guard import METADATA, Guard
from segflow.senders.webhook import WebhookSender, WebhookSettings

from .servers import http_server, raw_server, status

COMMON: dict[str, Any] = {
    "message_id": "m1",
    "contact_id": "c1",
    "flow": "f",
    "step": "s",
    "planned_at": datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
}
Resolve = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets names resolve to what is given; of several lists, the next one each time. Returns the names as asked."""

    def patch(**names: Sequence[Sequence[str]]) -> list[str]:
        real, asked = socket.getaddrinfo, list[str]()

        def answer(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            given = names.get(name.replace(".", "_").replace("-", "_"))
            if given is None:
                return real(host, port, *rest, **named)
            found = given[min(asked.count(name), len(given) - 1)]
            asked.append(name)
            return [one for address in found for one in real(address, port, type=socket.SOCK_STREAM)]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return patch


def call(url: str) -> WebhookCall:
    return WebhookCall(**COMMON, url=url)


INSIDE = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.8.8",
    "as one number": "2130706433",
    "in hex": "0x7f000001",
    "in short": "127.1",
    "in octal": "0177.0.0.1",
    "by name": "localhost",
    "any address": "0.0.0.0",
    "loopback of IPv6": "[::1]",
    "any address of IPv6": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped, in hex": "[::ffff:7f00:1]",
    "compatible": "[::127.0.0.1]",
    "NAT64": "[64:ff9b::10.0.0.1]",
    "6to4": "[2002:a00:1::1]",
    "private": "10.0.0.1",
    "private of 172": "172.31.255.255",
    "private of 192": "192.168.1.1",
    "carrier's": "100.64.0.1",
    "link-local": "169.254.1.1",
    "link-local of IPv6": "[fe80::1]",
    "unique local": "[fd12:3456::1]",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "of many": "224.0.0.1",
    "of many, IPv6": "[ff02::1]",
    **{f"metadata {one}": f"[{one}]" if one.version == 6 else str(one) for one in sorted(METADATA, key=str)},
}


@pytest.mark.parametrize("host", INSIDE.values(), ids=INSIDE.keys())
def test_what_lies_inside_is_not_called(host: str) -> None:
    with (
        WebhookSender("hooks", timeout=0.5) as sender,
        pytest.raises(PermanentError, match=r"^not called: .*allow_hosts"),
    ):
        sender.send(call(f"http://{host}:9/x"))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_the_world_outside_may_be_called(address: str) -> None:
    assert Guard().addresses(address, 443) == [address]


def test_what_a_name_resolves_to_is_judged(resolve: Any) -> None:
    resolve(crm_example=[["10.1.2.3", "192.168.0.9"]])
    with WebhookSender("hooks") as sender, pytest.raises(PermanentError) as raised:
        sender.send(call("https://crm.example/x"))
    assert str(raised.value) == (
        "not called: crm.example is 10.1.2.3, a private address; name crm.example under allow_hosts of the sender, "
        "or give it allow_private: true"
    )


def test_of_several_addresses_those_are_called_that_may_be(resolve: Any) -> None:
    resolve(crm_example=[["10.1.2.3", "127.0.0.1"]])
    with http_server(status(200)) as server, WebhookSender("hooks", allow_hosts=["127.0.0.1"]) as sender:
        sender.send(call(server.url.replace("127.0.0.1", "crm.example")))
    assert [one.headers["host"].partition(":")[0] for one in server.calls] == ["crm.example"]


def test_an_address_that_does_not_answer_is_passed(resolve: Any) -> None:
    resolve(crm_example=[["127.0.0.2", "127.0.0.1"]])
    with http_server(status(200)) as server, WebhookSender("hooks", allow_private=True) as sender:
        sender.send(call(server.url.replace("127.0.0.1", "crm.example")))
    assert len(server.calls) == 1


def test_a_name_that_changes_its_mind_gains_nothing(resolve: Any) -> None:
    asked = resolve(rebind_example=[["127.0.0.2"], ["127.0.0.1"]])
    with http_server(status(200)) as server, WebhookSender("hooks", allow_hosts=["127.0.0.2"]) as sender:
        with pytest.raises(TransientError, match="cannot connect"):  # nobody listens at the address that was judged
            sender.send(call(server.url.replace("127.0.0.1", "rebind.example")))
        assert (asked, server.calls) == (["rebind.example"], [])
        with pytest.raises(PermanentError, match=r"rebind\.example is 127\.0\.0\.1"):
            sender.send(call(server.url.replace("127.0.0.1", "rebind.example")))
    assert server.calls == []


def test_the_certificate_must_be_of_the_name(resolve: Any) -> None:
    resolve(crm_example=[["127.0.0.1"]])
    heard: list[bytes] = []

    with raw_server(lambda connection: heard.append(connection.recv(4096))) as port:
        sender = WebhookSender("hooks", allow_private=True, timeout=1)
        with sender, pytest.raises(TransientError):
            sender.send(call(f"https://crm.example:{port}/x"))
    assert b"crm.example" in heard[0]  # in the clear, at the start of a TLS connection


ALLOWED: dict[str, dict[str, Any]] = {
    "private ones": {"allow_private": True},
    "the address": {"allow_hosts": ["127.0.0.1"]},
    "the network": {"allow_hosts": ["127.0.0.0/8"]},
    "the name": {"allow_hosts": ["CRM.example."]},
}


@pytest.mark.parametrize("options", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_allowed_is_called(options: dict[str, Any], resolve: Any) -> None:
    resolve(crm_example=[["127.0.0.1"]])
    with http_server(status(200)) as server, WebhookSender("hooks", **options) as sender:
        sender.send(call(server.url.replace("127.0.0.1", "crm.example")))
    assert len(server.calls) == 1


def test_private_ones_are_not_those_of_clouds_or_of_many() -> None:
    guard = Guard(allow_private=True)
    for host in (*map(str, METADATA), "224.0.0.1"):
        with pytest.raises(PermanentError) as raised:
            guard.addresses(host, 80)
        assert "allow_private" not in str(raised.value)
    assert Guard(allow_hosts=["169.254.169.254"]).addresses("169.254.169.254", 80) == ["169.254.169.254"]


def test_the_url_of_the_settings_may_lie_inside() -> None:
    with http_server(status(200)) as server, WebhookSender("crm", url=f"{server.url}/in") as sender:
        sender.send(Sms(**COMMON, to="+442079460018", text="x"))
    assert len(server.calls) == 1


def test_a_redirect_inside_is_not_followed() -> None:
    with http_server(status(200)) as inside, http_server(status(307, Location=inside.url)) as server:
        sender = WebhookSender("hooks", allow_private=True)
        with sender, pytest.raises(PermanentError, match="redirects are not followed"):
            sender.send(call(server.url))
        assert inside.calls == []


def test_behind_a_proxy_what_is_known_to_lie_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(status(200)) as proxy, WebhookSender("hooks") as sender:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(PermanentError, match=r"10\.0\.0\.1, a private address"):
            sender.send(call("http://10.0.0.1/x"))
        assert proxy.calls == []
        sender.send(call("http://only.the.proxy.knows.invalid/x"))
    assert [one.path for one in proxy.calls] == ["http://only.the.proxy.knows.invalid/x"]


NO_HOSTS = ["http://crm.example", "crm.example:80", "", "a b", "crm/x", "*.example", "10.0.0.1/8"]


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host_is_refused_in_the_settings(host: str) -> None:
    with pytest.raises(ValidationError, match=r"allow_hosts: .* is no host: write a name, an address or a network"):
        WebhookSettings.model_validate({"type": "webhook", "allow_hosts": [host]})


LITERAL: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "an address": ({}, "http://10.0.0.1/x", "10.0.0.1, a private address; name 10.0.0.1 under allow_hosts"),
    "an address with a template behind": ({}, "http://10.0.0.1/{{ contact.city }}", "10.0.0.1, a private address"),
    "this machine": ({}, "https://localhost:8080/x", "localhost is 127.0.0.1, an address of this machine"),
    "a name below it": ({}, "https://crm.LOCALHOST/x", "crm.localhost is 127.0.0.1"),
    "allowed": ({"allow_private": True}, "http://10.0.0.1/x", None),
    "named": ({"allow_hosts": ["10.0.0.0/8"]}, "http://10.0.0.1/x", None),
    "the host of url": ({"url": "http://10.0.0.1/in"}, "http://10.0.0.1/x", None),
    "a name": ({}, "https://crm.example.com/x", None),
    "a template": ({}, "https://{{ contact.city }}/x", None),
    "no URL": ({}, "http://[a", None),
}


@pytest.mark.parametrize(("options", "url", "why"), LITERAL.values(), ids=LITERAL.keys())
def test_what_a_url_tells_by_itself(options: dict[str, Any], url: str, why: str | None) -> None:
    found = WebhookSettings.model_validate({"type": "webhook", **options}).refuses(url)
    assert found is None if why is None else found is not None and found.startswith(why)
