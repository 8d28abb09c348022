"""What every SDK of AWS meets at the guard: the same scenarios for each, and where they differ, `sdks.py` says how."""

import contextlib
import json
import socket
import ssl
import threading

from authority import authority, certificate
from case import GuardCase
from sdks import GO_1, GO_2, JAVASCRIPT, RUST, Call, Result, Sdk, run
from upstream import CREDENTIALS, INSTANCE, INSTANCE_ARN, MARY, UPDATE, Fault, error
from world import Key

MARY_ARN = f"{INSTANCE_ARN}/agent/{MARY}"
ODD = ["Zoë", "O'Brien", 'Ana "Nan"', "back\\slash", "李小龍", "Ünïcødé 😀", "a/b?c=d&e#f%20", "{{x}} ${y} <b>"]


def update(user: str = MARY, instance: str = INSTANCE, deadline: float = 60, **identity: str) -> Call:
    return Call(UPDATE, {"InstanceId": instance, "UserId": user, "IdentityInfo": identity}, deadline)


def describe(user: str = MARY, instance: str = INSTANCE) -> Call:
    return Call("DescribeUser", {"InstanceId": instance, "UserId": user})


def create(*profiles: str) -> Call:
    return Call(
        "CreateUser",
        {
            "InstanceId": INSTANCE,
            "Username": "paulo",
            "IdentityInfo": {"FirstName": "João", "LastName": "Ávila 😀", "Email": "paulo@example.com"},
            "PhoneConfig": {"PhoneType": "SOFT_PHONE", "AutoAccept": False},
            "SecurityProfileIds": list(profiles),
            "RoutingProfileId": "routing-profile",
        },
    )


class Scenarios(GuardCase):
    """The scenarios. The classes below name the SDK."""

    sdk: Sdk

    def run_as(self, role: str, *calls: Call, **environment: str) -> list[Result]:
        return run(self.sdk, self.world, self.world.keys[role], *calls, **environment)

    def assert_done(self, results: list[Result]) -> None:
        """Each at the first attempt."""
        for result in results:
            self.assertEqual((result.ok, result.status, result.attempts), (True, 200, 1), result)

    def assert_refused(self, result: Result, status: int, code: str, type_: str) -> None:
        """At the first attempt, as an error of this type."""
        found = (result.ok, result.status, result.code, result.type, result.attempts)
        self.assertEqual(found, (False, status, code, type_, 1), result)

    def test_an_allowed_change_is_made(self) -> None:
        identity = {"FirstName": "Mary", "LastName": "Major", "Email": "marym@example.com"}
        self.assert_done(self.run_as("IdentityDesk", update(**identity)))
        self.assert_updates({"IdentityInfo": identity})
        [sent] = self.upstream.seen(UPDATE)
        self.assertIn(f"Credential={CREDENTIALS.access_key}/", sent.header("authorization"))
        self.assertFalse({name for name in sent.header_names() if name.startswith("amz-sdk-")})
        self.assertEqual(self.upstream.users[MARY].identity["Email"], "marym@example.com")
        self.assert_decisions("allowed")

    def test_a_refused_change_is_the_sdks_own_error(self) -> None:
        [result] = self.run_as("HelpDesk", update(Email="marym@example.com"))
        self.assert_refused(result, 403, "AccessDeniedException", self.sdk.denied)
        self.assertRegex(result.message, r"^Access denied\. Request id: [0-9a-f-]{36}$")
        self.assert_decisions("no-rule")
        self.assertEqual(self.upstream.seen(UPDATE), [])

    def test_a_read_is_passed_on_and_so_is_connects_own_error(self) -> None:
        self.upstream.users[MARY].identity["LastName"] = "李 😀"
        read, missing = self.run_as("Reporting", describe(), describe("nobody"))
        self.assert_done([read])
        identity = read.output["User"]["IdentityInfo"]
        self.assertEqual((identity["FirstName"], identity["LastName"]), ("Mary", "李 😀"))
        self.assert_refused(missing, 404, "ResourceNotFoundException", "ResourceNotFoundException")
        self.assertEqual(missing.message, "The specified resource was not found.")

    def test_a_user_is_created_without_power(self) -> None:
        created, refused = self.run_as("Onboarding", create("profile-agent"), create("profile-admin"))
        self.assert_done([created])
        user = self.upstream.users[created.output["UserId"]]
        self.assertEqual((user.username, user.profiles), ("paulo", ["profile-agent"]))
        self.assertEqual((user.identity["FirstName"], user.identity["LastName"]), ("João", "Ávila 😀"))
        self.assert_refused(refused, 403, "AccessDeniedException", self.sdk.denied)
        self.assertEqual(len(self.upstream.seen("CreateUser")), 1)

    def test_arns_are_the_same_target(self) -> None:
        self.assert_done(self.run_as("HelpDesk", update(MARY_ARN, INSTANCE_ARN, FirstName="Mia")))
        self.assert_done(self.run_as("Reporting", describe(MARY_ARN, INSTANCE_ARN)))
        self.assertEqual(self.upstream.seen(UPDATE)[0].target, f"/users/{INSTANCE}/{MARY}/identity-info")
        self.assertEqual(self.upstream.seen("DescribeUser")[-1].target, f"/users/{INSTANCE}/{MARY}")
        self.assert_decisions("allowed", "allowed")

    def test_whatever_people_are_called_arrives_over_one_connection(self) -> None:
        self.assert_done(self.run_as("HelpDesk", *[update(LastName=name) for name in ODD]))
        self.assert_updates(*({"IdentityInfo": {"LastName": name}} for name in ODD))
        counts = self.counts()
        self.assertEqual((counts["connections"], counts["requests"]), (1, len(ODD)))

    def test_a_session_token_is_refused(self) -> None:
        issued = self.world.keys["HelpDesk"]
        for key in (issued, Key("ASIAIOSFODNN7EXAMPLE", issued.secret, issued.principal, issued.expires)):
            [result] = run(self.sdk, self.world, key, update(FirstName="Mia"), AWS_SESSION_TOKEN="a-token")
            self.assert_refused(result, 403, "UnrecognizedClientException", self.sdk.unknown)
            self.assertEqual(bool(result.message), self.sdk.unknown_is_told)
        self.assertEqual(self.upstream.requests, [])

    def test_only_the_authority_it_is_given_is_trusted(self) -> None:
        [result] = run(
            self.sdk,
            self.world,
            self.world.keys["HelpDesk"],
            update(FirstName="Mia"),
            trusted=authority("connect").file,
            AWS_MAX_ATTEMPTS="1",
        )
        self.assertEqual((result.ok, result.status, result.code), (False, None, None))
        self.assertIn("certificate", result.message)
        counts = self.counts()
        self.assertGreaterEqual(counts["handshake_failures"], 1)
        self.assertEqual(counts["requests"], 0)

    def test_it_is_served_in_http_1_1_whatever_it_offers(self) -> None:
        with Offers() as offers:
            [result] = self.run_as(
                "HelpDesk",
                update(FirstName="Mia"),
                AWS_ENDPOINT_URL_CONNECT=offers.url,
                AWS_MAX_ATTEMPTS="1",
            )
        self.assertFalse(result.ok)
        self.assertEqual(offers.found, {"h2"} if self.sdk.offers_http_2 else {None})
        self.assert_done(self.run_as("HelpDesk", update(FirstName="Mia")))

    def test_throttled_it_tries_again_when_it_is_told_to(self) -> None:
        self.throttle(1, "x-amz-retry-after: 1300")
        [result] = self.run_as("HelpDesk", update(FirstName="Mia"))
        self.assertEqual((result.ok, result.status, result.attempts), (True, 200, 2), result)
        if self.sdk.waits_as_told:
            self.assertGreaterEqual(result.seconds, 1.3)  # of its own, none waits more than 1 s the first time
        self.assert_decisions("throttled", "allowed")

    def test_throttled_for_good_it_says_so_after_its_own_number_of_attempts(self) -> None:
        self.throttle(self.sdk.tries, "x-amz-retry-after: 1")
        [result] = self.run_as("HelpDesk", update(FirstName="Mia"))
        found = (result.ok, result.status, result.code, result.type, result.attempts)
        self.assertEqual(found, (False, 429, "ThrottlingException", "ThrottlingException", self.sdk.tries), result)
        self.assertEqual(result.message, "Rate exceeded")
        self.assert_decisions(*["throttled"] * self.sdk.tries)
        self.assertEqual(self.upstream.seen(UPDATE), [])

    def test_a_quota_that_is_used_up_ends_it_and_does_not_hold_it_for_an_hour(self) -> None:
        """There is no room for an hour, and the guard does not ask anybody to wait for that."""
        first, second = self.run_as("Batch", update(FirstName="One"), update(FirstName="Two"))
        self.assert_done([first])
        found = (second.ok, second.status, second.code, second.attempts)
        self.assertEqual(found, (False, 429, "ThrottlingException", self.sdk.tries), second)
        self.assertLess(second.seconds, 30)
        self.assert_decisions("allowed", *["quota"] * self.sdk.tries)
        self.assert_updates({"IdentityInfo": {"FirstName": "One"}})

    def throttle(self, times: int, *headers: str) -> None:
        """Connect throttles what the guard reads before it decides, so many times."""
        throttled = Fault(error(429, "TooManyRequestsException", "", *headers))
        self.upstream.fail("DescribeUser", *[throttled] * times)

    def counts(self) -> dict[str, int]:
        """What the guard's listener counted, told when the guard stops."""
        self.world.guard.stop()
        address = f"127.0.0.1:{self.world.guard.port}"
        counted = self.world.guard.wait_for(
            lambda event: event.get("message") == "counted" and event["part"] == address
        )
        return json.loads(counted["counts"])


class JavaScript(Scenarios):
    sdk = JAVASCRIPT


class Rust(Scenarios):
    sdk = RUST


class Go1(Scenarios):
    sdk = GO_1


class Go2(Scenarios):
    sdk = GO_2


del Scenarios  # it has no SDK, and is not to be found


class TheGuard(GuardCase):
    def test_it_takes_http_1_1_of_what_is_offered(self) -> None:
        context = ssl.create_default_context(cafile=str(self.world.authority))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", self.world.guard.port), 20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")


class Offers:
    """A server that speaks HTTP/2 only, as far as ALPN goes, and hangs up after it: what did the clients agree to? Use it
    as a context; the answer is whole when it is left."""

    def __init__(self) -> None:
        self.found: set[str | None] = set()
        self._context = certificate("guard", "localhost", "127.0.0.1").server_context()
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Offers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                plain, _ = self._listener.accept()
                plain.settimeout(20)
                with plain, contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as agreed:
                    self.found.add(agreed.selected_alpn_protocol())
