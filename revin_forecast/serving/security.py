"""Access control: host names, tokens, and the headers that isolate the page from other sites."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Annotated

from fastapi import HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    # Plotly writes inline styles; everything else must come from this server.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def is_local(host: str) -> bool:
    """Return whether a host name is a loopback name, which only this machine can reach.

    >>> is_local("127.0.0.1"), is_local("localhost"), is_local("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HostGuard:
    """ASGI middleware that refuses names of other machines, and adds security headers.

    Starlette's TrustedHostMiddleware knows fixed names and *.domains, but not the 16 million
    loopback addresses, and answers in plain text.

    Args:
        app: the application to protect.
        local_only: accept only requests whose Host header names this machine. Otherwise a page of
            another site could point its own host name here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, local_only: bool):
        self.app, self.local_only = app, local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        app = self.app
        if self.local_only and not is_local(name):
            detail = "this service accepts only this machine's own names, such as 127.0.0.1."
            app = JSONResponse({"detail": detail}, 400)
        await app(scope, receive, _add_security_headers(send))


async def refuse_other_sites(request: Request) -> None:
    """Refuse a request that a page of another site sent through a browser; a dependency.

    The other site could not read the response, but the request would keep a worker busy.
    """
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HTTPException(
            403, "this service accepts requests of its own page and of programs only."
        )


def make_token_check(token: str) -> Callable[..., Awaitable[None]]:
    """Return a dependency that refuses requests without a token, before their body is read."""

    async def check_token(
        # Its own error says "Not authenticated", and is a 403 in older versions.
        credentials: Annotated[
            HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))
        ],
    ) -> None:
        given = credentials.credentials if credentials else ""
        # Constant time: the time of a plain comparison would reveal how much of a guess is right.
        if not hmac.compare_digest(given.encode(), token.encode()):
            detail = "this service requires a token; send it as Authorization: Bearer TOKEN."
            raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})

    return check_token


def _add_security_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
