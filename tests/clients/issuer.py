"""An issuer of web identities: npm's oidc-provider, in a process of its own, `js/issuer.mjs`."""

import json
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request
from typing import Any

import places
from authority import authority, certificate

AUDIENCE = "https://guard.example.com"
# The client that tokens are given to: what a pod's service account is in a cluster.
SUBJECT = "system:serviceaccount:desk:api"
SECRET = "a secret of the client with oidc-provider"
# Seconds for a word of the server.
PATIENCE = 60


class Issuer:
    """The server, whose tokens hold for so many seconds. Use it as a context."""

    def __init__(self, lifetime: int = 300) -> None:
        self._lifetime = lifetime
        self._certificate = certificate("issuer", "localhost")
        self.port = places.free_port()

    def __enter__(self) -> "Issuer":
        settings = {
            "port": self.port,
            "certificate": str(self._certificate.certificate),
            "key": str(self._certificate.key),
            "issuer": self.url,
            "subject": SUBJECT,
            "secret": SECRET,
            "audience": AUDIENCE,
            "lifetime": self._lifetime,
        }
        self._process = subprocess.Popen(
            ["node", str(places.TARGET / "js" / "issuer.mjs"), json.dumps(settings)],
            env=places.environment(places.TEMPORARY),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # It says that it is only for trying out, and that it wants a newer Node.js.
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._says("listening")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """It is away."""
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    @property
    def authority(self) -> Any:
        return authority("issuer").file

    def rotate(self) -> None:
        """From now on it signs with another key; the one before is still published."""
        self._tell("rotate")

    def forget(self) -> None:
        """Publishes its current key only."""
        self._tell("forget")

    def token(self, audience: str = AUDIENCE, **parameters: str) -> str:
        """A token for its client: a JWT."""
        form = {
            "grant_type": "client_credentials",
            "client_id": SUBJECT,
            "client_secret": SECRET,
            "resource": audience,
            **parameters,
        }
        request = urllib.request.Request(f"{self.url}/token", urllib.parse.urlencode(form).encode())
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            token: str = json.load(answer)["access_token"]
            return token

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        self._says("done")

    def _says(self, word: str) -> None:
        assert self._process.stdout is not None
        # Node.js has been seen to hang at its start, on a busy machine.
        impatient = threading.Timer(PATIENCE, self._process.kill)
        impatient.start()
        said = self._process.stdout.readline()
        impatient.cancel()
        assert said == f"{word}\n", f"oidc-provider says {said!r}"
