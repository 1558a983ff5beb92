"""A stage under attack: the attacker mallory tries to read or change ada's task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from chalicelib.domain.caller import Scope
from testing.kit import TOKEN_KEY, Kit
from tests.functional.conftest import Http
from tests.support.forgery import RSA_KID, base64url, forged, issued, jwk, public_pem, rsa_key, segment
from tests.support.handlers import Handlers
from tests.support.http_server import HttpServer
from tests.support.sockets import SocketServer

ISSUER, AUDIENCE = "https://issuer.example", "tasks"
READ, WRITE, ADMIN = Scope
TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}
HS256 = {"alg": "HS256", "typ": "JWT"}


@dataclass
class World:
    """A stage that accepts tokens of its own key and of a provider."""

    kit: Kit
    http: Http
    handlers: Handlers
    sockets: SocketServer
    server: HttpServer  #: serves the provider's keys and the URLs that tasks fetch
    task_id: str  #: ada's task
    connections: int = 0

    def token(self, *scopes: str, owner: str = "mallory", **claims: Any) -> str:
        """A valid token, by default the attacker's own."""
        return self.kit.token(
            *(scopes or (READ, WRITE)), owner=owner, **{"iss": ISSUER, "aud": AUDIENCE, **claims}
        )

    def as_(self, owner: str, *scopes: str) -> Http:
        return self.http.as_(self.token(*scopes, owner=owner))

    @property
    def mallory(self) -> Http:
        return self.as_("mallory")

    def claims(self, **more: Any) -> dict[str, Any]:
        """Ada's claims, which the attacker wants. A value of None removes a claim."""
        now = int(self.kit.clock().timestamp())
        values = {
            "sub": "ada",
            "scope": "tasks:read tasks:write tasks:admin",
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
            **more,
        }
        return {name: value for name, value in values.items() if value is not None}

    def signed(self, **claims: Any) -> str:
        """Ada's claims, changed by `claims` and signed with the service's key."""
        return forged(HS256, self.claims(**claims), TOKEN_KEY.encode())

    def connect(self, token: str = "", **query: str) -> tuple[str, int]:
        """Open a connection and return its id and status."""
        self.connections += 1
        name = f"c{self.connections}"
        return name, self.handlers.connect(name, token=token, **query)

    def ticket(self, http: Http, watch: str = "all") -> str:
        answer = http.post("/tickets", {"watch": watch})
        assert answer.status_code == 201
        return str(answer.json_body["ticket"])

    def announce(self) -> None:
        """Push the stream records of ada's task."""
        records = self.handlers.stream()
        self.handlers.push([each for each in records if self.task_id in str(each["dynamodb"]["Keys"])])

    def seconds(self, offset: int) -> int:
        """The time `offset` seconds from now, as in claims."""
        return int(self.kit.clock().timestamp()) + offset


def _another_signature(world: World) -> str:
    token = world.token()
    return f"{segment(HS256)}.{segment(world.claims())}.{token.rpartition('.')[2]}"


def _changed(world: World) -> str:
    header, _, signature = world.token().split(".")
    return f"{header}.{segment(world.claims())}.{signature}"


def _two_signatures(world: World) -> str:
    header, payload, signature = world.token().split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}] * 2})


def _own_key(world: World, **header: Any) -> str:
    return jwt.encode(world.claims(), rsa_key(1), algorithm="RS256", headers={"kid": RSA_KID, **header})


#: Authorization headers that must give no access, by their defect.
BAD_HEADERS: Mapping[str, Callable[[World], str]] = {
    "no token": lambda world: "",
    "an empty bearer": lambda world: "Bearer ",
    "a password": lambda world: "Basic " + base64url(b"ada:secret"),
    "another scheme with a valid token": lambda world: f"Token {world.token()}",
    "two tokens": lambda world: f"Bearer {world.token()} {world.token()}",
    "nonsense": lambda world: "Bearer nonsense",
    "a huge token": lambda world: "Bearer " + "A" * 100_000,
    "a token with an invisible character": lambda world: f"Bearer {world.token()}\u200b",
    **{
        name: (lambda world, make=make: f"Bearer {make(world)}")
        for name, make in dict[str, Callable[[World], str]](
            {
                "alg none": lambda world: forged({"alg": "none"}, world.claims()),
                "alg nOnE": lambda world: forged({"alg": "nOnE"}, world.claims()),
                "no alg": lambda world: forged({}, world.claims(), b""),
                "alg HS512": lambda world: forged({"alg": "HS512"}, world.claims(), TOKEN_KEY.encode()),
                "no signature": lambda world: world.token().rpartition(".")[0] + ".",
                "the signature of another token": _another_signature,
                "changed claims": _changed,
                "two signatures": _two_signatures,
                "a guessed key": lambda world: forged(HS256, world.claims(), b"secret"),
                "an empty key": lambda world: forged(HS256, world.claims(), b""),
                "the public key as a shared key": lambda world: forged(
                    {**HS256, "kid": RSA_KID}, world.claims(), public_pem(rsa_key())
                ),
                "the shared key as a public key": lambda world: forged(
                    {"alg": "RS256", "kid": RSA_KID}, world.claims(), TOKEN_KEY.encode()
                ),
                "a key of my own": _own_key,
                "a key of my own in the header": lambda world: _own_key(world, jwk=jwk(rsa_key(1), RSA_KID)),
                "a key of my own by URL": lambda world: _own_key(world, jku="https://evil.example/jwks"),
                "an unknown key id": lambda world: issued(world.claims(), "RS256", "unknown", rsa_key(1)),
                "a key id that is a path": lambda world: issued(
                    world.claims(), "RS256", "../../../dev/null", rsa_key(1)
                ),
                "a key id that is SQL": lambda world: issued(
                    world.claims(), "RS256", "x' UNION SELECT 'key", rsa_key(1)
                ),
                "no key id": lambda world: issued(world.claims(), "RS256", None),
                "a header nested without end": lambda world: forged(b"[" * 3000, world.claims(), b"k"),
                "another issuer": lambda world: world.signed(iss="https://evil.example"),
                "no issuer": lambda world: world.signed(iss=None),
                "another audience": lambda world: world.signed(aud="billing"),
                "no audience": lambda world: world.signed(aud=None),
                "an expired token": lambda world: world.signed(exp=world.seconds(-60)),
                "a token of tomorrow": lambda world: world.signed(nbf=world.seconds(86_400)),
                "issued tomorrow": lambda world: world.signed(iat=world.seconds(86_400)),
                "no end": lambda world: world.signed(exp=None),
                "an end in words": lambda world: world.signed(exp=str(world.seconds(600))),
                "an end after all time": lambda world: world.signed(exp=10**300),
                "an owner with a separator": lambda world: world.signed(sub="ada#00"),
                "an owner with a line break": lambda world: world.signed(sub="ada\n"),
                "an owner without a name": lambda world: world.signed(sub=""),
                "an owner that is a number": lambda world: world.signed(sub=7),
                "an owner of 129 characters": lambda world: world.signed(sub="a" * 129),
                "an owner written backwards": lambda world: world.signed(sub="\u202eada"),
                "an owner with an invisible character": lambda world: world.signed(sub="ad\u200ba"),
                "an owner that is a list": lambda world: world.signed(sub=["ada"]),
            }
        ).items()
    },
}

#: Ways to write an address that is not public.
PRIVATE_URLS = {
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata over IPv6": "http://[fd00:ec2::254]/latest/meta-data/",
    "credentials of a container": "http://169.254.170.2/v2/credentials",
    "the Lambda runtime": "http://localhost:9001/2018-06-01/runtime/invocation/next",
    "loopback, short": "http://127.1/",
    "loopback, decimal": "http://2130706433/",
    "loopback, octal": "http://0177.0.0.1/",
    "loopback, hexadecimal": "http://0x7f000001/",
    "metadata, full-width": "http://\uff11\uff16\uff19.254.169.254/",
    "loopback over IPv6": "http://[::1]/",
    "IPv4 in IPv6": "http://[::ffff:169.254.169.254]/",
    "NAT64": "http://[64:ff9b::a9fe:a9fe]/",
    "6to4": "http://[2002:a9fe:a9fe::]/",
    "any address": "http://0.0.0.0/",
    "a private network": "http://10.0.0.1/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "a user name that looks like a host": "http://example.com@169.254.169.254/",
    "a backslash": "http://169.254.169.254\\@example.com/",
}

#: Headers with which http.request would send a second request, or pose as the service.
SMUGGLED_HEADERS = {
    "a line break in a value": {"x-a": "b\r\nx-c: d"},
    "a bare line feed": {"x-a": "b\nGET / HTTP/1.1"},
    "a NUL": {"x-a": "b\x00"},
    "a line break in a name": {"x-a\r\nx-b": "c"},
    "a name with a colon": {"x-a: b\r\nx": "c"},
    "a length": {"Content-Length": "0"},
    "an encoding": {"Transfer-Encoding": "chunked"},
    "an upgrade": {"Upgrade": "h2c"},
    "another host": {"Host": "internal.example"},
    "a signature": {"Webhook-Signature": "v1,forged"},
    "a header twice": {"x-a": "1", "X-A": "2"},
}
