"""Problem documents (RFC 9457)."""

from http import HTTPStatus

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException


class Problem(Exception):
    """An error as the client sees it."""

    def __init__(self, status, code, detail, errors=None, headers=None):
        super().__init__(code)
        self.status = HTTPStatus(status)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self, instance, request_id):
        """The document for the request at `instance`."""
        document = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        return Response(
            orjson.dumps(document), self.status, self.headers, "application/problem+json"
        )


def invalid(errors):
    """422; `errors` are pairs of a JSON Pointer and the error there."""
    detail = "The request is well-formed, but some of its values are invalid."
    errors = [{"detail": wrong, "pointer": pointer} for pointer, wrong in errors]
    return Problem(422, "invalid", detail, errors)


def invalid_values(errors):
    """422 for pydantic's errors."""
    return invalid(
        ("#/" + "/".join(str(part) for part in error["loc"]), error["msg"]) for error in errors
    )


def not_found():
    return Problem(404, "not_found", "The resource does not exist.")


def forbidden():
    return Problem(403, "forbidden", "This operation requires the admin role.")


def stale():
    detail = "The resource has changed; read it again and retry with its new ETag."
    return Problem(412, "precondition_failed", detail)


def email_taken():
    errors = [{"detail": "is taken", "pointer": "#/email"}]
    return Problem(409, "email_taken", "Another user has this email.", errors)


def unauthenticated(has_token):
    challenge = 'Bearer error="invalid_token"' if has_token else "Bearer"
    detail = "Send a valid access token: Authorization: Bearer <token>."
    headers = {"WWW-Authenticate": challenge}
    return Problem(401, "unauthenticated", detail, headers=headers)


def invalid_credentials():
    detail = "The email or the password is wrong, or the account cannot sign in."
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "invalid_credentials", detail, headers=headers)


def rate_limited(seconds):
    detail = "Too many requests; wait for the time in the Retry-After header."
    return Problem(429, "rate_limited", detail, headers={"Retry-After": str(seconds)})


def too_many_attempts(seconds):
    detail = "Too many attempts; wait for the time in the Retry-After header."
    return Problem(429, "too_many_attempts", detail, headers={"Retry-After": str(seconds)})


def busy():
    detail = "Too many passwords are being verified at the moment; try again."
    return Problem(503, "busy", detail, headers={"Retry-After": "1"})


def unavailable():
    detail = "The service is temporarily unavailable; try again."
    return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})


def internal():
    detail = "An internal error occurred. The log has the cause under the request id."
    return Problem(500, "internal", detail)


def of_framework(error):
    """The problem for an error raised by FastAPI."""
    if isinstance(error, RequestValidationError):
        # The first part of a location names the query or the path.
        return invalid_values({**each, "loc": each["loc"][1:]} for each in error.errors())
    if error.status_code == 404:
        return Problem(404, "not_found", "The path does not exist.")
    if error.status_code == 405:
        detail = "The path does not support this method; see the Allow header."
        return Problem(405, "method_not_allowed", detail, headers=error.headers)
    return Problem(error.status_code, "malformed_request", "The request is malformed.")


def add_handlers(app):
    """Converts every error of the app to a problem document."""

    async def handle(request: Request, error):
        problem = error if isinstance(error, Problem) else of_framework(error)
        return problem.response(request.url.path, request.scope["request_id"])

    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
