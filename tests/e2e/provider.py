"""A sign-in of one's own: an OpenID provider on loopback that lets anybody be who they say.

Written from the specification, not with the library that checks its answers: https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import base64
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from benchmarks.browser import free_port

PEOPLE = {"ada": "Ada Lovelace", "emmy": "Emmy Noether"}
CLIENT = "manigen-tests"
DISCOVERY = "/.well-known/openid-configuration"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _packed(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Provider:
    """What it answers, and the key it signs with."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.given: dict[str, dict[str, Any]] = {}  # by code
        paths = {DISCOVERY: self.discovery, "/authorize": self.authorize, "/jwks": self.jwks, "/end": self.end}
        routes = [Route(path, answer) for path, answer in paths.items()]
        self.app = Starlette(routes=[*routes, Route("/token", self.token, methods=["POST"])])

    def discovery(self, _: Request) -> Response:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return JSONResponse(
            {
                "issuer": self.address,
                **{name: f"{self.address}/{path}" for name, path in places.items()},
                "end_session_endpoint": f"{self.address}/end",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        who = asked.pop("who", None)
        if who is None:
            links = [
                f'<p><a href="/authorize?{html.escape(urlencode({**asked, "who": one}))}">{name}</a></p>'
                for one, name in PEOPLE.items()
            ]
            return HTMLResponse("<!doctype html><title>Who are you?</title>" + "".join(links))
        code = secrets.token_urlsafe(12)
        self.given[code] = {"who": who, "nonce": asked.get("nonce")}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    async def token(self, request: Request) -> Response:
        given = self.given.pop(str((await request.form())["code"]))
        now, who = int(time.time()), given["who"]
        claims = {
            "iss": self.address, "aud": CLIENT, "sub": who, "name": PEOPLE[who], "email": f"{who}@example.org",
            "iat": now, "exp": now + 600, "nonce": given["nonce"],
        }  # fmt: skip
        said = ".".join(_packed(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        signed = self.key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
        bearer = {"access_token": secrets.token_urlsafe(12), "token_type": "Bearer", "expires_in": 600}
        return JSONResponse({**bearer, "id_token": f"{said}.{_packed(signed)}"})

    def jwks(self, _: Request) -> Response:
        numbers = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}
        return JSONResponse({"keys": [key]})

    def end(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)


@contextmanager
def provided() -> Iterator[str]:
    """Run the provider on a port of loopback and give its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(Provider(address).app, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield address
    finally:
        server.should_exit = True
        thread.join(10)


def secrets_toml(provider: str, app: str) -> str:
    """What `.streamlit/secrets.toml` says for an app at an address to use the provider."""
    entries = {
        "redirect_uri": f"{app}/oauth2callback",
        "cookie_secret": secrets.token_urlsafe(24),
        "client_id": CLIENT,
        "client_secret": secrets.token_urlsafe(24),
        "server_metadata_url": provider + DISCOVERY,
    }
    return "[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in entries.items())
