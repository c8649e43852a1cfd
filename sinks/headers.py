"""Headers of Kafka records in a column of JSON."""

from __future__ import annotations

import base64

import msgspec

from schemas.flow import Headers


def headers_to_json(headers: Headers) -> str:
    """Return ``[[name, base64 of the value], ...]``."""
    pairs = [(name, base64.b64encode(value).decode()) for name, value in headers]
    return msgspec.json.encode(pairs).decode()


def headers_from_json(stored: str) -> Headers:
    """Return the headers that were stored."""
    pairs = msgspec.json.decode(stored, type=tuple[tuple[str, str], ...])
    return tuple((name, base64.b64decode(value)) for name, value in pairs)
