"""Who may ask: hosts, tokens, and the headers that keep a page to itself."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT_PATHS = ("/page.js", "/charts.js", "/plotly.js")
PUBLIC_PATHS = ("/", "/health", "/page.css", *SCRIPT_PATHS, "/docs", "/openapi.json")
"""Paths that hold nothing of the model: they need no token."""
SECURITY_HEADERS = {
    # Plotly writes styles; nothing else is taken from anywhere but this server.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def is_local(host: str) -> bool:
    """Return whether a name is this machine's own, so that only it can reach what is bound there.

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
    """Turns requests away before anything is read of them, and adds headers to every answer.

    Args:
        app: behind it.
        local_only: take requests only that name this machine: a page elsewhere may have its name lead
            here (DNS rebinding).
        token: what requests must bear; empty: nothing.
    """

    def __init__(self, app: ASGIApp, local_only: bool, token: str):
        self.app, self.local_only, self.token = app, local_only, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the app answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse_foreign_site(headers, scope["method"]) or self._refuse_missing_token(
            headers, scope["path"]
        )
        await (refusal or self.app)(scope, receive, _add_headers(send))

    def _refuse_foreign_site(self, headers: Headers, method: str) -> JSONResponse | None:
        """Refuse what a page elsewhere has a browser send here."""
        host = headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self.local_only and not is_local(name):
            detail = "this service answers to the name of this machine only, such as 127.0.0.1."
            return JSONResponse({"detail": detail}, 400)
        # Its answer could not be read there, but it would keep a worker busy.
        if method == "POST" and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            detail = "this service answers its own page and programs, not pages of other sites."
            return JSONResponse({"detail": detail}, 403)
        return None

    def _refuse_missing_token(self, headers: Headers, path: str) -> JSONResponse | None:
        """Refuse whoever bears no token, or another, where one is wanted."""
        if not self.token or path in PUBLIC_PATHS:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode(), self.token):
            return None
        detail = "this service wants a token; send it as Authorization: Bearer TOKEN."
        return JSONResponse({"detail": detail}, 401, {"WWW-Authenticate": "Bearer"})


def _add_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
