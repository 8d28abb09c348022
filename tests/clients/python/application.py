"""An application that uses AWS and Amazon Connect side by side, with boto3. It reads calls, a line of JSON each, and answers
each with a line. README.md says what stands in them."""

import functools
import json
import os
import sys
from typing import Any

import boto3
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def made(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = getattr(client(service), xform_name(operation))(**parameters)
    except ClientError as error:
        told = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"ok": False, "code": told["Code"], "message": told["Message"], "status": status}
    except BotoCoreError as error:
        return {"ok": False, "code": type(error).__name__, "message": str(error), "status": None}
    return {"ok": True, "status": answer["ResponseMetadata"]["HTTPStatusCode"]}


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, config=config(service))


def config(service: str) -> Config | None:
    """Endpoint, Region and credentials are boto3's to find; but a client certificate has to be given to it, and then nothing
    is signed."""
    certificate = os.environ.get("CLIENT_CERTIFICATE")
    if service != "connect" or certificate is None:
        return None
    return Config(client_cert=(certificate, os.environ["CLIENT_KEY"]), signature_version=UNSIGNED)


for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps(made(call["service"], call["operation"], call["input"])), flush=True)
