"""How mail is handed in: each way to TLS with each way to log in."""

from case import at_each_mail_server
from telling import EVERYBODY, Telling
from world import World


class Ways(Telling):
    implicit: bool
    mechanism: str

    def prepare(self, world: World) -> None:
        world.mail.implicit = self.implicit
        world.mail.mechanisms = (self.mechanism,)

    def test_everybody_is_told(self) -> None:
        self.change()
        told = self.mails(5)
        self.assertEqual(sorted(told), EVERYBODY)
        self.assertEqual({mail.mechanism for mail in told.values()}, {self.mechanism})


@at_each_mail_server
class StartTlsAndPlain(Ways):
    implicit, mechanism = False, "PLAIN"


@at_each_mail_server
class StartTlsAndLogin(Ways):
    implicit, mechanism = False, "LOGIN"


@at_each_mail_server
class ImplicitTlsAndPlain(Ways):
    implicit, mechanism = True, "PLAIN"


@at_each_mail_server
class ImplicitTlsAndLogin(Ways):
    implicit, mechanism = True, "LOGIN"


del Ways  # it is no way by itself, and is not to be found
