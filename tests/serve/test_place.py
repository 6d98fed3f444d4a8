"""Where `segflow serve` may listen, and what it says when it cannot."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from segflow.cli import main as cli
from segflow.errors import InputError
from segflow.outbox.links import PATHS
from segflow.serve.limits import Place
from segflow.serve.server import check_place
from segflow.specs.serve import ServeSettings
from segflow.specs.settings import DeliverySettings
from tests.serve.shop import shop


@pytest.mark.parametrize(
    ("place", "tls", "refused"),
    [
        pytest.param(Place(), False, None, id="loopback"),
        pytest.param(Place("::1"), False, None, id="loopback, IPv6"),
        pytest.param(Place("localhost"), False, None, id="by name"),
        pytest.param(
            Place("0.0.0.0"), False, "--host 0.0.0.0: without TLS only this machine may connect", id="anybody"
        ),
        pytest.param(Place("10.0.0.1"), False, "--host 10.0.0.1: without TLS", id="an address of the house"),
        pytest.param(Place("shop.example"), False, "--host shop.example: without TLS", id="a name"),
        pytest.param(Place("0.0.0.0"), True, None, id="anybody, with TLS"),
        pytest.param(Place("0.0.0.0", proxies=("10.0.0.5",)), False, None, id="behind a proxy"),
        pytest.param(Place("0.0.0.0", proxies=("*",)), False, "--behind-proxy *: not an IP address", id="any proxy"),
    ],
)
def test_places(place: Place, tls: bool, refused: str | None) -> None:
    if refused is None:
        check_place(place, tls=tls)
        return
    with pytest.raises(InputError) as told:
        check_place(place, tls=tls)
    assert str(told.value).startswith(refused)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: without TLS"),
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", "x.pem", "--tls-key", "y.pem"], "the certificate x.pem with the key y.pem cannot be used"),
    ],
)
def test_refused(
    tmp_path: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = shop(tmp_path / "world")
    world.close()
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "serve", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_port_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = shop(tmp_path / "world")
    world.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(world.root), "serve", "--port", port])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in " ".join(capsys.readouterr().err.split())


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.startswith("segflow.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.setattr(sys, "argv", ["segflow", "--project-dir", str(tmp_path), "serve"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "segflow serve needs fastapi, which is not installed: pip install 'segflow[serve]'" in " ".join(
        capsys.readouterr().err.split()
    )


def test_the_page_says_what_holds() -> None:
    """docs/SERVE.md against the settings and the routes."""
    page = (Path(__file__).parents[2] / "docs/SERVE.md").read_text(encoding="utf-8")
    settings = ServeSettings()
    for said in (
        f"`max_body_bytes` ({settings.max_body_bytes // 2**20} MB",
        f"`callbacks_per_second` ({settings.callbacks_per_second:,}",
        f"`requests_per_second` ({settings.requests_per_second} ",
        f"`tests_per_minute` ({settings.tests_per_minute} ",
        f"`connections` ({settings.connections} ",
        f"`seconds` ({settings.seconds} ",
        f"http://127.0.0.1:{Place().port}",
        f"`link_expiry` ({DeliverySettings().link_expiry}",
        *(f"{path}TOKEN" for path in PATHS.values()),
    ):
        assert said in page
    assert set(ServeSettings.model_fields) == set(re.findall(r"`(\w+)` \(", page[page.index("## Limits") :]))
