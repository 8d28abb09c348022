"""The servers that the other tests trust: each can say no."""

import smtplib
import socket
import ssl
import unittest
from email.message import EmailMessage
from typing import Any
from unittest import mock

import boto3
from botocore.exceptions import ClientError

from authority import authority
from mail import PASSWORD, USER, Aiosmtpd, MailServer
from smtp_server import SmtpServer
from upstream import CREDENTIALS, INSTANCE, MARY, REGION, Upstream


class Connect(unittest.TestCase):
    def setUp(self) -> None:
        self.upstream = self.enterContext(Upstream())

        # The certificate is for Connect's own name, which is made to lead here.
        here = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", self.upstream.port))]
        self.enterContext(mock.patch("socket.getaddrinfo", return_value=here))

    def client(self, secret: str) -> Any:
        return boto3.client(
            "connect",
            region_name=REGION,
            aws_access_key_id=CREDENTIALS.access_key,
            aws_secret_access_key=secret,
            verify=str(authority("connect").file),
        )

    def test_botocore_agrees_with_its_own_signatures(self) -> None:
        client = self.client(CREDENTIALS.secret_key)
        user = client.describe_user(InstanceId=INSTANCE, UserId=MARY)["User"]
        self.assertEqual(user["Username"], "marym")
        client.update_user_identity_info(InstanceId=INSTANCE, UserId=MARY, IdentityInfo={"FirstName": "Zoë"})
        self.assertEqual(self.upstream.users[MARY].identity["FirstName"], "Zoë")
        client.list_users(InstanceId=INSTANCE, MaxResults=7)
        self.assertEqual(self.upstream.bad_signatures, [])

    def test_a_wrong_secret_is_seen(self) -> None:
        with self.assertRaises(ClientError):
            self.client("wrong").describe_user(InstanceId=INSTANCE, UserId=MARY)
        self.assertIn("another signature", self.upstream.bad_signatures[0])


class Mail(unittest.TestCase):
    mail_server: type[MailServer] = Aiosmtpd

    def setUp(self) -> None:
        self.server = self.enterContext(self.mail_server())
        self.server.start()
        self.client = self.enterContext(smtplib.SMTP("localhost", self.server.port))
        self.message = EmailMessage()
        self.message["Subject"] = "Grüße"
        self.message["From"] = "a@example.com"
        self.message["To"] = "b@example.com"
        self.message.set_content("text")

    def start_tls(self) -> None:
        self.client.starttls(context=ssl.create_default_context(cafile=str(authority("mail").file)))

    def test_mail_arrives_over_tls_with_the_right_password(self) -> None:
        self.start_tls()
        self.client.login(USER.decode(), PASSWORD.decode())
        self.client.send_message(self.message)
        [mail] = self.server.wait(1)
        self.assertEqual((mail.subject, mail.recipients), ("Grüße", ["b@example.com"]))

    def test_a_wrong_password_is_answered(self) -> None:
        self.start_tls()
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.client.login(USER.decode(), "wrong")
        self.assertGreaterEqual(self.server.refused_logins, 1)

    def test_nothing_is_taken_in_clear(self) -> None:
        with self.assertRaises(smtplib.SMTPException):
            self.client.send_message(self.message)
        self.assertEqual(self.server.received(), [])


class MailAtSmtpServer(Mail):
    mail_server = SmtpServer
