"""Problem documents (RFC 9457) as exceptions."""

from typing import Any

import httpx


class ProblemError(Exception):
    """A response with a status of 400 or above."""

    def __init__(self, response: httpx.Response) -> None:
        #: Problem document; empty if a proxy made the response.
        self.problem: dict[str, Any] = _document(response)
        self.status = response.status_code
        #: Stable name of the problem, such as `email_taken`; None if a proxy made the response.
        self.code: str | None = self.problem.get("code")
        #: Seconds after which the request may succeed (429, 503).
        self.retry_after: int | None = _seconds(response.headers.get("Retry-After"))
        detail, request = self.problem.get("detail"), self.problem.get("request_id")
        message = f"{detail} ({self.code}, request {request})" if self.code else f"HTTP {self.status}"
        super().__init__(message)


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None
