"""Nodemailer's smtp-server as the mail server: a process of its own, `js/mail.mjs`, which asks here what to answer."""

import base64
import json
import subprocess
import threading
from typing import Any

import places
from mail import MailServer, Received, Trouble


class SmtpServer(MailServer):
    """smtp-server, in a process of Node.js."""

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[str] | None = None
        self._answering = threading.Lock()

    def start(self) -> None:
        settings = {
            "port": self.port,
            "certificate": str(self.certificate.certificate),
            "key": str(self.certificate.key),
            "implicit": self.implicit,
            "mechanisms": self.mechanisms,
        }
        self._process = subprocess.Popen(
            ["node", str(places.MAIL_SERVER), json.dumps(settings)],
            env=places.environment(places.TEMPORARY),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n", "smtp-server does not listen"
        threading.Thread(target=self._serve, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _serve(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            asked = json.loads(line)
            if asked["step"] == "auth":
                user, password = asked["user"].encode(), asked["password"].encode()
                refusal = "" if self._logs_in(user, password) else "535 5.7.8 Authentication credentials invalid"
            else:
                refusal = ""
            trouble = self._meets(asked["step"], asked.get("to"))
            if asked["step"] == "content" and (trouble is None or not trouble.reply):
                source = base64.b64decode(asked["source"])
                self._takes(Received(asked["from"], [asked["to"]], source, asked["mechanism"]))
            self._answer(process, asked["id"], refusal, trouble)

    def _answer(self, process: subprocess.Popen[str], number: int, refusal: str, trouble: Trouble | None) -> None:
        trouble = trouble or Trouble("")
        if trouble.silent:
            return
        answer = {"id": number, "reply": trouble.reply or refusal, "drops": trouble.drops}
        if trouble.delay:
            threading.Timer(trouble.delay, self._write, (process, answer)).start()
        else:
            self._write(process, answer)

    def _write(self, process: subprocess.Popen[str], answer: dict[str, Any]) -> None:
        assert process.stdin is not None
        with self._answering:
            try:
                process.stdin.write(json.dumps(answer) + "\n")
                process.stdin.flush()
            except OSError:
                assert process.poll() is not None or self._process is not process, "smtp-server does not listen"
