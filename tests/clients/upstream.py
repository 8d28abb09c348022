"""Connect as these tests have it: an HTTPS server on loopback that verifies every signature with botocore and keeps users.

It records every request as it was received, and can be told to fail.
"""

import contextlib
import json
import re
import socketserver
import ssl
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.credentials import Credentials

import signatures
from authority import Pair, certificate

ACCOUNT = "111122223333"
REGION = "us-east-1"
INSTANCE = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
INSTANCE_ARN = f"arn:aws:connect:{REGION}:{ACCOUNT}:instance/{INSTANCE}"
MARY = "87654321-2222-1234-1234-111234567891"
ADMINISTRATOR = "87654321-2222-1234-1234-111234567892"
HOST = f"connect.{REGION}.amazonaws.com"
CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

UPDATE = "UpdateUserIdentityInfo"


@dataclass(frozen=True)
class Request:
    """A request as received, and what it was found to be."""

    connection: int
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    operation: str
    # When, by the monotonic clock.
    at: float = field(default_factory=time.monotonic)

    def header(self, name: str) -> str:
        """The value of a header that is there once."""
        values = [value for given, value in self.headers if given.lower() == name]
        assert len(values) == 1, f"{name} is there {len(values)} times"
        return values[0]

    def header_names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    error: str | None = None
    # More headers, complete.
    headers: tuple[str, ...] = ()
    # Answer nothing and close the connection instead.
    hang_up: bool = False
    # Seconds to wait before answering.
    delay: float = 0

    def octets(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Fault:
    """What to do instead of answering: after carrying the operation out, or without."""

    answer: Answer
    carried_out: bool = False


def error(status: int, name: str, message: str = "", *headers: str) -> Answer:
    return Answer(status, {"Message": message or name}, name, headers)


@dataclass
class User:
    id: str
    username: str
    identity: dict[str, str]
    profiles: list[str] = field(default_factory=lambda: ["profile-agent"])

    def described(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Arn": f"{INSTANCE_ARN}/agent/{self.id}",
            "Username": self.username,
            "IdentityInfo": {name: value for name, value in self.identity.items() if value},
            "PhoneConfig": {"PhoneType": "SOFT_PHONE", "AutoAccept": False},
            "SecurityProfileIds": self.profiles,
            "RoutingProfileId": "routing-profile",
            "Tags": {},
        }


class Upstream:
    """The server. Use it as a context."""

    def __init__(self) -> None:
        self.users = {
            MARY: User(
                MARY,
                "marym",
                {"FirstName": "Mary", "LastName": "Major", "Email": "mary.major@example.com"},
            ),
            ADMINISTRATOR: User(
                ADMINISTRATOR,
                "admin",
                {"FirstName": "Ana", "LastName": "Admin", "Email": "ana@example.com"},
                ["profile-admin"],
            ),
        }
        self.profiles = {
            "profile-agent": ["BasicAgentAccess"],
            "profile-lead": ["BasicAgentAccess", "Users.View"],
            "profile-admin": ["Users.Edit", "Users.View"],
        }
        self.channel_addresses = ["help@example.com"]
        self.directory = "CONNECT_MANAGED"
        # Whose signatures are right, by the id of their keys. Looked up anew with each request.
        self.keys: Callable[[], Mapping[str, Credentials]] = lambda: {CREDENTIALS.access_key: CREDENTIALS}
        self.requests: list[Request] = []
        self.bad_signatures: list[str] = []
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.upstream = self
        self._server.tls = certificate("connect", HOST).server_context()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Upstream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes the port and every connection."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def present(self, pair: Pair) -> None:
        """New connections meet this certificate."""
        self._server.tls = pair.server_context()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def fail(self, operation: str, *faults: Fault) -> None:
        """The next requests for this operation meet these faults, one each."""
        with self._changed:
            self._faults[operation].extend(faults)

    def seen(self, operation: str) -> list[Request]:
        """The requests for this operation, in the order of their arrival."""
        with self._changed:
            return [request for request in self.requests if request.operation == operation]

    def wait_for(self, operation: str, seconds: float = 20) -> None:
        """Returns once a request for this operation has arrived."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: any(request.operation == operation for request in self.requests), seconds
            )
            assert arrived, f"no {operation} after {seconds} s"

    def answer(self, connection: int, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        operation, labels, carry_out = _recognise(method, target)
        request = Request(connection, method, target, headers, body, operation)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            try:
                signatures.verify(self.keys(), REGION, method, target, headers, body)
            except signatures.BadSignature as bad:
                self.bad_signatures.append(f"{method} {target}: {bad}")
                return error(403, "InvalidSignatureException", str(bad))
            faults = self._faults[operation]
            fault = faults.popleft() if faults else None
            answer = carry_out(self, request, *labels) if fault is None or fault.carried_out else Answer()
            return answer if fault is None else fault.answer

    # The operations. Labels arrive decoded.

    def describe_user(self, _: Request, instance: str, user: str) -> Answer:
        if instance != INSTANCE or user not in self.users:
            return _not_found()
        return Answer(body={"User": self.users[user].described()})

    def update_identity(self, request: Request, instance: str, user: str) -> Answer:
        if instance != INSTANCE or user not in self.users:
            return _not_found()
        self.users[user].identity.update(request.json()["IdentityInfo"])
        return Answer()

    def update_profiles(self, request: Request, instance: str, user: str) -> Answer:
        if instance != INSTANCE or user not in self.users:
            return _not_found()
        self.users[user].profiles = request.json()["SecurityProfileIds"]
        return Answer()

    def create_user(self, request: Request, instance: str) -> Answer:
        if instance != INSTANCE:
            return _not_found()
        asked, user = request.json(), str(uuid.uuid4())
        self.users[user] = User(user, asked["Username"], dict(asked["IdentityInfo"]), asked["SecurityProfileIds"])
        return Answer(body={"UserId": user, "UserArn": f"{INSTANCE_ARN}/agent/{user}"})

    def describe_instance(self, _: Request, instance: str) -> Answer:
        if instance != INSTANCE:
            return _not_found()
        described = {"Id": INSTANCE, "Arn": INSTANCE_ARN, "IdentityManagementType": self.directory}
        return Answer(body={"Instance": described})

    def search_users(self, request: Request) -> Answer:
        name = request.json()["SearchCriteria"]["StringCondition"]["Value"]
        found = [{"Id": user.id, "Username": user.username} for user in self.users.values() if user.username == name]
        return Answer(body={"Users": found, "ApproximateTotalCount": len(found)})

    def search_email_addresses(self, _: Request) -> Answer:
        found = [{"EmailAddressId": address, "EmailAddress": address} for address in self.channel_addresses]
        return Answer(body={"EmailAddresses": found, "ApproximateTotalCount": len(found)})

    def describe_security_profile(self, _: Request, instance: str, profile: str) -> Answer:
        if instance != INSTANCE or profile not in self.profiles:
            return _not_found()
        return Answer(body={"SecurityProfile": {"Id": profile, "SecurityProfileName": profile}})

    def list_permissions(self, _: Request, instance: str, profile: str) -> Answer:
        if instance != INSTANCE or profile not in self.profiles:
            return _not_found()
        return Answer(body={"Permissions": self.profiles[profile]})

    def list_users(self, request: Request, _: str) -> Answer:
        query = parse_qs(request.target.partition("?")[2])
        users = sorted(self.users.values(), key=lambda user: user.id)
        start, size = int(query.get("nextToken", ["0"])[0]), int(query.get("maxResults", ["100"])[0])
        page = [{"Id": user.id, "Username": user.username} for user in users[start : start + size]]
        more = {"NextToken": str(start + size)} if start + size < len(users) else {}
        return Answer(body={"UserSummaryList": page, **more})

    def list_instances(self, _: Request) -> Answer:
        return Answer(body={"InstanceSummaryList": [{"Id": INSTANCE, "Arn": INSTANCE_ARN}]})

    def anything(self, _: Request) -> Answer:
        return Answer(body={})


_ROUTES: list[tuple[str, str, str, Callable[..., Answer]]] = [
    ("GET", "/users/*/*", "DescribeUser", Upstream.describe_user),
    ("POST", "/users/*/*/identity-info", UPDATE, Upstream.update_identity),
    ("POST", "/users/*/*/security-profiles", "UpdateUserSecurityProfiles", Upstream.update_profiles),
    ("PUT", "/users/*", "CreateUser", Upstream.create_user),
    ("GET", "/instance/*", "DescribeInstance", Upstream.describe_instance),
    ("GET", "/instance", "ListInstances", Upstream.list_instances),
    ("POST", "/search-users", "SearchUsers", Upstream.search_users),
    ("POST", "/search-email-addresses", "SearchEmailAddresses", Upstream.search_email_addresses),
    ("GET", "/security-profiles/*/*", "DescribeSecurityProfile", Upstream.describe_security_profile),
    ("GET", "/security-profiles-permissions/*/*", "ListSecurityProfilePermissions", Upstream.list_permissions),
    ("GET", "/users-summary/*", "ListUsers", Upstream.list_users),
]


def _recognise(method: str, target: str) -> tuple[str, list[str], Callable[..., Answer]]:
    path = target.partition("?")[0]
    for route_method, template, operation, carry_out in _ROUTES:
        match = re.fullmatch(template.replace("*", "([^/]+)"), path)
        if route_method == method and match:
            return operation, [unquote(label) for label in match.groups()], carry_out
    return f"{method} {path}", [], Upstream.anything


def _not_found() -> Answer:
    return error(404, "ResourceNotFoundException", "The specified resource was not found.")


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    upstream: Upstream
    tls: ssl.SSLContext

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[Any] = set()

    def connection_opened(self, connection: Any) -> int:
        self._open.add(connection)
        return id(connection)

    def connection_closed(self, connection: Any) -> None:
        self._open.discard(connection)

    def close_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # the other side may have closed it
                connection.shutdown(2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is no news here: the guard's side is what is tested."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(30)
        with self.server.tls.wrap_socket(self.request, server_side=True) as connection:
            number = self.server.connection_opened(connection)
            try:
                with connection.makefile("rb") as stream:
                    while self._one(connection, stream, number):
                        pass
            finally:
                self.server.connection_closed(connection)

    def _one(self, connection: ssl.SSLSocket, stream: Any, number: int) -> bool:
        line = stream.readline()
        if not line:
            return False
        method, target, version = line.decode("ascii").rstrip("\r\n").split(" ")
        assert version == "HTTP/1.1", version
        headers: list[tuple[str, str]] = []
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            headers.append((name, value.strip(" ")))
        lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
        answer = self.server.upstream.answer(number, method, target, headers, stream.read(sum(lengths)))
        time.sleep(answer.delay)
        if answer.hang_up:
            return False
        body = answer.octets()
        head = [f"HTTP/1.1 {answer.status} Answer", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        head.append(f"x-amzn-RequestId: {uuid.uuid4()}")
        if answer.error:
            head.append(f"x-amzn-ErrorType: {answer.error}")
        head.extend(answer.headers)
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        return True
