"""The chart script of the page: compressed, and cached by browsers."""

import gzip
from functools import cache
from hashlib import sha256

from fastapi import Request
from fastapi.responses import Response

from revin_forecast.reports.plotly_script import read_compressed_script

MEDIA_TYPE = "text/javascript"


def send_chart_script(request: Request) -> Response:
    """Answer with the script, compressed for clients that accept gzip; 304 if they have it."""
    compressed, tag = load_chart_script()
    accepts_gzip = _accepts_gzip(request.headers.get("accept-encoding", ""))
    # Each encoding has a tag of its own, since the bytes differ.
    tag = f'"{tag}-gzip"' if accepts_gzip else f'"{tag}"'
    headers = {
        # The one file that browsers may keep: it changes with the version of the package only.
        "Cache-Control": "public, max-age=86400",
        "ETag": tag,
        "Vary": "Accept-Encoding",
    }
    if tag in (known.strip() for known in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if accepts_gzip:
        headers["Content-Encoding"] = "gzip"
        return Response(compressed, media_type=MEDIA_TYPE, headers=headers)
    return Response(gzip.decompress(compressed), media_type=MEDIA_TYPE, headers=headers)


@cache
def load_chart_script() -> tuple[bytes, str]:
    """Return the compressed script and the beginning of its SHA-256."""
    compressed = read_compressed_script()
    return compressed, sha256(compressed).hexdigest()[:16]


def _accepts_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip.

    >>> _accepts_gzip("gzip, deflate, br"), _accepts_gzip("gzip;q=0, *;q=0.5"), _accepts_gzip("")
    (True, False, False)
    """
    weights: dict[str, str] = {}
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.strip().removeprefix("q=") or "1"
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", "0")))
    return weight.replace(".", "").strip("0") != ""
