"""Which addresses may be called: those of a network of one's own only where somebody said so.

A name is resolved once, what it resolves to is judged, and the connection goes to that very address: a name that
changes its mind between two questions gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from segflow.errors import PermanentError
from segflow.messages import ascii_domain

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell their machines secrets."""
_NOT_CALLED = "not called: "
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Guard:
    """Judges the addresses that a client is about to call."""

    def __init__(self, *, allow_private: bool = False, allow_hosts: Collection[str] = ()) -> None:
        """`allow_private`: loopback, link-local and private addresses may be called. `allow_hosts`: names, addresses
        and networks that may be called whatever they are. Raises ValueError for an entry that is none."""
        self._private = allow_private
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for host in allow_hosts:
            network = _network(host)
            if network is not None:
                self._networks.append(network)
            else:
                self._names.add(_name(host))

    def addresses(self, host: str, port: int | None) -> list[str]:
        """The addresses of a host that may be called. Raises OSError when it cannot be resolved, and PermanentError
        when it is none, or none of its addresses may be called."""
        host = host.strip("[]")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise PermanentError(f"not a host: {host!r}") from error
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        named = self.named(host)
        refused: dict[str, str] = {}
        for text in addresses:
            if not named and (why := self.refused(text)) is not None:
                refused[text] = why
        allowed = [text for text in addresses if text not in refused]
        if not allowed:
            text, why = next(iter(refused.items()))
            raise PermanentError(_NOT_CALLED + self.words(host, text, why))
        return allowed

    def literal(self, host: str) -> str | None:
        """Why a host is not called, as far as its name alone tells; None when it may be."""
        text = host.strip("[]").rstrip(".").lower()
        if self.named(text):
            return None
        if text == "localhost" or text.endswith(".localhost"):
            return None if self._private else self.words(host, "127.0.0.1", "an address of this machine")
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return None
        why = self.refused(text)
        return self.words(host, text, why) if why is not None else None

    def resolved(self, host: str) -> str | None:
        """Why a host is not called, as it resolves at the moment; None when it may be, or cannot be resolved."""
        try:
            self.addresses(host, None)
        except PermanentError as error:
            return error.reason.removeprefix(_NOT_CALLED)
        except OSError:
            return None
        return None

    def named(self, host: str) -> bool:
        """Is the host itself on the list?"""
        try:
            return _name(host) in self._names
        except ValueError:
            return False

    def refused(self, text: str) -> str | None:
        """What an address is that may not be called, in words; None when it may be."""
        address = ipaddress.ip_address(text)
        embedded = _embedded(address)
        if any(one in network for one in (address, *embedded) for network in self._networks):
            return None
        for one in (*embedded, address):
            kind = _kind(one)
            if kind is not None and not (self._private and kind in _OF_ONES_OWN):
                return kind
        return None

    @staticmethod
    def words(host: str, address: str, why: str) -> str:
        """A refusal, and what would mend it."""
        what = host if host.strip("[]") == address else f"{host} is {address}"
        remedy = f"name {host} under allow_hosts of the sender"
        return f"{what}, {why}; {remedy}" + (", or give it allow_private: true" if why in _OF_ONES_OWN else "")


def _kind(address: Address) -> str | None:
    if address in METADATA:
        return "where clouds tell secrets"
    if address.is_multicast:
        return "an address of many"
    if address.is_loopback or address.is_unspecified:
        return "an address of this machine"
    if address.is_link_local:
        return "a link-local address"
    return None if address.is_global else "a private address"


_OF_ONES_OWN = frozenset({"an address of this machine", "a link-local address", "a private address"})
"""What `allow_private` opens."""


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo or ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *teredo]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (int(address) >> 32 == 0 and low > 1):
        found.append(ipaddress.IPv4Address(low))
    return [one for one in found if one is not None]


def host_of(url: str) -> str | None:
    """The host of a URL; None when it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def host_problem(host: str) -> str | None:
    """Why an entry of `allow_hosts` is none; None when it is one."""
    try:
        Guard(allow_hosts=[host])
    except ValueError:
        return f"'{host}' is no host: write a name, an address or a network like 10.1.0.0/16"
    return None


def _network(host: str) -> Network | None:
    try:
        return ipaddress.ip_network(host.strip("[]"))
    except ValueError:
        return None


def _name(host: str) -> str:
    text = host.rstrip(".")
    if not text or any(c in "/:@?# *" or not c.isprintable() for c in text):
        raise ValueError(f"not a host: {host!r}")
    return ascii_domain(text)
