"""`segflow serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segflow.cli.shared import project_of
from segflow.errors import InputError

EXTRA = ("fastapi", "uvicorn", "httptools", "limits", "python_multipart")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0: any that is free.", min=0, max=65535)] = 8750,
    tls_cert: Annotated[Path | None, typer.Option(help="The certificate chain, as PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, as PEM.")] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(help="The address or network of the proxy that ends TLS; nobody else may connect then."),
    ] = None,
) -> None:
    """Answer providers that call back, and the links in messages. The next tick takes in what came."""
    from segflow.cli import show

    try:
        from segflow.serve import server
        from segflow.serve.limits import Place
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise InputError(
            f"segflow serve needs {error.name}, which is not installed: pip install 'segflow[serve]'"
        ) from error
    place = Place(host, port, server.addresses(behind_proxy or []))
    server.serve(project_of(context), place, tls_cert, tls_key, lambda url: show.out.print(f"segflow serves {url}"))
