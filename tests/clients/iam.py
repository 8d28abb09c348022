"""How IAM decides: what statements say of one request. Written from AWS's reference of policy elements, for what the guard's
documents use; anything else in a document is an error and not a guess."""

import fnmatch
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

Document = dict[str, Any]
# A request's condition keys: what is not there is not there.
Context = dict[str, str]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(pattern: str, text: str) -> bool:
    """`*` and `?`, and nothing else that a shell would understand."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _arn_like(pattern: str, arn: str) -> bool:
    """Part by part: no `*` reaches over a colon."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(_like, patterns, parts))


def _in_network(network: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


COMPARED: dict[str, Callable[[str, str], bool]] = {
    "ArnEquals": _arn_like,
    "Bool": lambda wanted, value: wanted == value,
    "IpAddress": _in_network,
    "StringEquals": lambda wanted, value: wanted == value,
}
NEGATED = {"ArnNotEquals": "ArnEquals", "NotIpAddress": "IpAddress", "StringNotEquals": "StringEquals"}


def holds(operator: str, wanted: Any, value: str | None) -> bool:
    """One key of one operator. A negated operator holds where the key is not there, and so does `...IfExists`."""
    if (plain := NEGATED.get(operator)) is not None:
        return value is None or not any(COMPARED[plain](one, value) for one in listed(wanted))
    if operator.endswith("IfExists"):
        return value is None or holds(operator.removesuffix("IfExists"), wanted, value)
    return value is not None and any(COMPARED[operator](one, value) for one in listed(wanted))


def applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    known = {"Action", "Condition", "Effect", "Principal", "Resource", "Sid"}
    assert set(statement) <= known, statement
    return (
        any(_like(one.lower(), action.lower()) for one in listed(statement["Action"]))
        and any(one == "*" or _like(one, resource) for one in listed(statement.get("Resource", "*")))
        and all(
            holds(operator, wanted, context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _sids(
    effect: str, documents: Iterable[Document], action: str, resource: str, context: Context
) -> list[str]:
    return [
        statement["Sid"]
        for document in documents
        for statement in document["Statement"]
        if statement["Effect"] == effect and applies(statement, action, resource, context)
    ]


def denied(documents: Iterable[Document], action: str, resource: str, context: Context) -> list[str]:
    """The statements that deny it."""
    return _sids("Deny", documents, action, resource, context)


def allowed(documents: list[Document], action: str, resource: str, context: Context) -> bool:
    """Whether a statement allows it, and none denies it."""
    return bool(_sids("Allow", documents, action, resource, context)) and not denied(
        documents, action, resource, context
    )
