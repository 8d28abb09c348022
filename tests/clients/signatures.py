"""A second opinion on the guard's signatures: what was received is signed again with botocore's own code."""

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
_SKEW = datetime.timedelta(minutes=5)


class BadSignature(Exception):
    """Why a request is not signed as AWS would have it."""


def verify(
    keys: Mapping[str, Credentials],
    region: str,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
) -> None:
    """Raises `BadSignature` unless exactly this request was signed with one of these keys for Connect in this Region."""
    given = {name.lower(): value for name, value in headers}
    if len(given) != len(headers):
        raise BadSignature("a header is there twice")
    match = _AUTHORIZATION.fullmatch(given.get("authorization", ""))
    if match is None:
        raise BadSignature("no Authorization of the expected form")
    signed = match["signed"].split(";")
    if signed != sorted(set(signed)):
        raise BadSignature("the signed headers are not sorted")
    _enough_is_signed(signed, given)
    credentials = keys.get(match["key"])
    if credentials is None or (match["region"], match["service"]) != (region, "connect"):
        raise BadSignature(f"the scope is {match['key']}, {match['region']}, {match['service']}")
    date = given["x-amz-date"]
    _is_fresh(date, match["day"])
    digest = hashlib.sha256(body).hexdigest()
    if given.get("x-amz-content-sha256", digest) != digest:
        raise BadSignature("x-amz-content-sha256 is not the hash of the body")
    if given.get("x-amz-security-token") != credentials.token:
        raise BadSignature("the session token is another one")

    request = AWSRequest(
        method=method,
        url=f"https://{given['host']}{target}",
        headers={name: given[name] for name in signed},
        data=body,
    )
    request.context["timestamp"] = date
    auth = SigV4Auth(credentials, "connect", region)
    again = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    if not hmac.compare_digest(again, match["signature"]):
        raise BadSignature("botocore computes another signature")


def _enough_is_signed(signed: Sequence[str], given: dict[str, str]) -> None:
    required = {"host", "x-amz-date"} | {name for name in given if name.startswith("x-amz-")}
    if "content-type" in given:
        required.add("content-type")
    if missing := required - set(signed):
        raise BadSignature(f"not signed: {', '.join(sorted(missing))}")
    if absent := set(signed) - set(given):
        raise BadSignature(f"signed and not there: {', '.join(sorted(absent))}")


def _is_fresh(date: str, day: str) -> None:
    at = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    if abs(datetime.datetime.now(datetime.UTC) - at) > _SKEW:
        raise BadSignature("x-amz-date is off by more than five minutes")
    if not date.startswith(day):
        raise BadSignature("the scope is of another day than x-amz-date")
