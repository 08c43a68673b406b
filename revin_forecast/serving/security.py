"""Access control: host names, tokens, and the headers that isolate the page from other sites."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT_PATHS = ("/page.js", "/charts.js", "/plotly.js")
PUBLIC_PATHS = ("/", "/health", "/page.css", *SCRIPT_PATHS, "/docs", "/openapi.json")
"""Paths that need no token: they reveal nothing about the model."""
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


class RequestGuard:
    """ASGI middleware that refuses requests before their body is read, and adds security headers.

    Args:
        app: the application to protect.
        local_only: accept only requests whose Host header names this machine. Otherwise a page of
            another site could point its own host name here (DNS rebinding).
        token: bearer token that requests must carry; empty: none.
    """

    def __init__(self, app: ASGIApp, local_only: bool, token: str):
        self.app, self.local_only, self.token = app, local_only, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse_foreign_site(headers, scope["method"]) or self._refuse_missing_token(
            headers, scope["path"]
        )
        await (refusal or self.app)(scope, receive, _add_security_headers(send))

    def _refuse_foreign_site(self, headers: Headers, method: str) -> JSONResponse | None:
        """Return the refusal of a request that a page of another site sent through a browser."""
        host = headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self.local_only and not is_local(name):
            detail = "this service accepts only this machine's own names, such as 127.0.0.1."
            return JSONResponse({"detail": detail}, 400)
        # The other site could not read the response, but the request would keep a worker busy.
        if method == "POST" and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            detail = "this service accepts requests of its own page and of programs only."
            return JSONResponse({"detail": detail}, 403)
        return None

    def _refuse_missing_token(self, headers: Headers, path: str) -> JSONResponse | None:
        """Return the refusal of a request without the required token."""
        if not self.token or path in PUBLIC_PATHS:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Constant time: the time of a plain comparison would reveal how much of a guess is right.
        if scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self.token):
            return None
        detail = "this service requires a token; send it as Authorization: Bearer TOKEN."
        return JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})


def _add_security_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
