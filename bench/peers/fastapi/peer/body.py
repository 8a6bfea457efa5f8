"""JSON request bodies, with a problem document for each possible error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from peer.problem import Problem, invalid_values

MAX_BYTES = 64 * 1024
JSON = ("application/json",)
MERGE_PATCH = ("application/merge-patch+json", "application/json")

# A dot-atom and a host name of two or more labels, in ASCII.
EMAIL = r"^[!#-'*+\-/-9=?A-Z^-~]+(\.[!#-'*+\-/-9=?A-Z^-~]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
NAME = r"^[^\x00-\x1f\x7f-\x9f]*$"

Email = Annotated[str, StringConstraints(max_length=254, pattern=EMAIL, to_lower=True)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NAME)
]


class Body(BaseModel):
    """A body that rejects unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True)


async def read(request, model, media_types=JSON):
    """The body as a `model`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        detail = f"Send the body as {media_types[0]}."
        raise Problem(415, "unsupported_media_type", detail)
    if "content-encoding" in request.headers:
        detail = "Send the body without a Content-Encoding."
        raise Problem(415, "unsupported_content_encoding", detail)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            detail = "A request body may have at most 64 KiB."
            raise Problem(413, "payload_too_large", detail)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        if errors[0]["type"] == "json_invalid":
            detail = "The request body is not JSON."
            errors = [{"detail": errors[0]["msg"], "pointer": "#"}]
            raise Problem(400, "malformed_json", detail, errors) from None
        raise invalid_values(errors) from None
