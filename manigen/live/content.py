"""Content: bytes that a browser fetches once, as they are or in gzip."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

YEAR = "max-age=31536000, immutable"


@dataclass(frozen=True)
class Content:
    """Some bytes, their media type, and the version that stands in their address."""

    body: bytes
    kind: str
    version: str = ""

    @cached_property
    def tag(self) -> str:
        """The hash that names these bytes (ETag)."""
        return hashlib.sha256(self.body).hexdigest()[:16]

    @cached_property
    def zipped(self) -> bytes:
        """The bytes in gzip; made once, a third of a second for plotly.js."""
        return gzip.compress(self.body, 6, mtime=0)

    def respond(self, request: Request, caching: str) -> Response:
        """Return the response: empty (304) where the browser has the bytes, in gzip where that saves it time.

        A browser on this very machine gets them as they are: zipping and unzipping would take longer than the way.
        """
        from starlette.responses import Response

        headers = {
            "ETag": f'"{self.tag}"',
            "Cache-Control": caching,
            "Content-Encoding": "identity",  # set in any case: it keeps other layers from compressing on each request
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if f'"{self.tag}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
        if not here and "gzip" in request.headers.get("accept-encoding", "") and len(self.body) > 1000:
            return Response(self.zipped, media_type=self.kind, headers=headers | {"Content-Encoding": "gzip"})
        return Response(self.body, media_type=self.kind, headers=headers)
