"""The guard's wall clock jumps, by hours and by a day: what is old stays old, the order of records stays, and nothing is given away."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

import places
from callers import sdk
from case import GuardCase
from upstream import INSTANCE, MARY, UPDATE
from world import World

HOUR = 60 * 60


class AClockThatJumps(GuardCase):
    def prepare(self, world: World) -> None:
        assert places.FAKETIME is not None, "libfaketime is missing"
        self._offset = world.directory / "offset"
        self.is_off_by(0)
        world.environment = {
            "LD_PRELOAD": str(places.FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def is_off_by(self, seconds: int) -> None:
        """The guard's clock, from now on."""
        after = self._offset.with_suffix(".next")
        after.write_text(f"{seconds:+}", encoding="ascii")
        after.rename(self._offset)

    def rename(self, name: str) -> dict[str, Any]:
        once = Config(retries={"total_max_attempts": 1})
        client = sdk(self.world, self.world.keys["IdentityDesk"], config=once)
        return client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": name})

    def test_fault_14_what_is_signed_now_is_nothing_at_another_time(self) -> None:
        self.rename("Before")
        for number, seconds in enumerate((600, -600, HOUR, -HOUR, -24 * HOUR)):
            self.is_off_by(seconds)
            with self.subTest(seconds=seconds), self.assertRaises(ClientError) as error:
                self.rename(f"Off{number}")
            self.assertEqual(error.exception.response["Error"]["Code"], "RequestTimeTooSkewed")
        self.is_off_by(0)
        self.rename("After")
        self.assertEqual(len(self.upstream.seen(UPDATE)), 2)
