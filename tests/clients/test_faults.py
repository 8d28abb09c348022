"""When Connect fails: what the caller is told is true, and no change is sent twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from authority import certificate
from callers import attempts, sdk
from case import GuardCase
from upstream import HOST, INSTANCE, MARY, UPDATE, Answer, Fault, error


class Faults(GuardCase):
    def change(self, config: Config | None = None) -> dict[str, Any]:
        client = sdk(self.world, self.world.keys["IdentityDesk"], config=config)
        return client.update_user_identity_info(
            InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"Email": "marym@example.com"}
        )


class NothingIsSent(Faults):
    def test_e11_when_the_user_cannot_be_read(self) -> None:
        self.upstream.fail("DescribeUser", *[Fault(error(500, "InternalServiceException"))] * 5)
        with self.refused("ServiceUnavailableException", 503):
            self.change()
        self.assertEqual(self.upstream.seen(UPDATE), [])

    def test_when_connect_is_not_there(self) -> None:
        self.upstream.stop()
        with self.refused("ServiceUnavailableException", 503) as caught:
            self.change()
        self.assertIn("The request was not sent to Amazon Connect.", str(caught))
        self.assertEqual(self.upstream.seen(UPDATE), [])

    def test_k8_when_another_authority_vouches_for_connect(self) -> None:
        self.upstream.present(certificate("stranger", HOST))
        with self.refused("ServiceUnavailableException", 503):
            self.change()
        self.assertEqual(self.upstream.requests, [])

    def test_d14_when_the_certificate_is_for_another_name(self) -> None:
        self.upstream.present(certificate("connect", "connect.us-west-2.amazonaws.com", "127.0.0.1"))
        with self.refused("ServiceUnavailableException", 503):
            self.change()
        self.assertEqual(self.upstream.requests, [])

    def test_when_connect_throttles_the_guards_own_read(self) -> None:
        self.upstream.fail("DescribeUser", *[Fault(error(429, "TooManyRequestsException"))] * 5)
        with self.refused("ThrottlingException", 429):
            self.change()
        self.assertEqual(self.upstream.seen(UPDATE), [])


class ConnectRefuses(Faults):
    def test_its_own_error_reaches_the_caller_and_nobody_is_told_of_a_change(self) -> None:
        self.upstream.fail(UPDATE, Fault(error(400, "InvalidParameterException", "not this one")))
        with self.refused("InvalidParameterException", 400) as caught:
            self.change()
        self.assertIn("not this one", str(caught))
        self.assertEqual(attempts(caught), 1)
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)
        self.assertEqual(self.world.mail.received(), [])


class NobodyKnows(Faults):
    """The connection breaks after the change was sent. boto3 asks again by itself, and is not what sends it again."""

    def events(self, count: int) -> list[str]:
        mails = self.world.mail.wait(count)
        return [mail.message["X-Connect-Guard-Event"].partition(";")[0] for mail in mails]

    def test_a_change_that_was_made_is_sent_once_and_its_retry_succeeds(self) -> None:
        self.upstream.fail(UPDATE, Fault(Answer(hang_up=True), carried_out=True))
        answer = self.change()
        self.assertEqual(answer["ResponseMetadata"]["RetryAttempts"], 1)
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)
        self.assertEqual(sorted(set(self.events(8))), ["address-changed", "may-have-changed"])

    def test_a_change_that_does_not_show_is_sent_once_and_its_retry_is_told_so(self) -> None:
        self.upstream.fail(UPDATE, Fault(Answer(hang_up=True)))
        with self.refused("ConflictException", 409):
            self.change()
        with self.refused("ConflictException", 409):
            sdk(self.world, self.world.keys["IdentityDesk"]).update_user_identity_info(
                InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Mia"}
            )
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)
        self.assertEqual(self.events(4), ["may-have-changed"] * 4)
        self.world.guard.kill()  # told to stop, it would wait for the end of its looking


class Impatience(Faults):
    def test_a_caller_who_hangs_up_cancels_nothing(self) -> None:
        self.upstream.fail(UPDATE, Fault(Answer(delay=2), carried_out=True))
        with self.assertRaises(ReadTimeoutError):
            self.change(Config(read_timeout=1, retries={"total_max_attempts": 1}))
        events = [mail.message["X-Connect-Guard-Event"] for mail in self.world.mail.wait(4)]
        self.assertTrue(all(event.startswith("address-changed;") for event in events), events)
        self.assertEqual(len(self.upstream.seen(UPDATE)), 1)

    def test_a_guard_that_is_told_to_stop_answers_what_it_began(self) -> None:
        self.upstream.fail(UPDATE, Fault(Answer(delay=2), carried_out=True))
        with ThreadPoolExecutor() as pool:
            change = pool.submit(self.change)
            self.upstream.wait_for(UPDATE)
            self.assertEqual(self.world.guard.stop(), 0)
            self.assertEqual(change.result()["ResponseMetadata"]["HTTPStatusCode"], 200)


class TheSameUserAtTheSameTime(Faults):
    def test_one_change_is_open_at_a_time(self) -> None:
        callers, together = 6, threading.Barrier(6)
        self.upstream.fail(UPDATE, *[Fault(Answer(delay=0.5), carried_out=True)] * callers)

        def change(number: int) -> str:
            client = sdk(self.world, self.world.keys["HelpDesk"])
            together.wait(30)
            try:
                client.update_user_identity_info(
                    InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": f"Mary{number}"}
                )
            except ClientError as refused:
                return refused.response["Error"]["Code"]
            return "done"

        with ThreadPoolExecutor(callers) as pool:
            ends = list(pool.map(change, range(callers)))
        self.assertEqual(set(ends), {"done", "ConflictException"})
        self.assertEqual(len(self.upstream.seen(UPDATE)), ends.count("done"))
