"""Checks a target of the bench against the contract of all targets.

    ROSTER_ADMIN_EMAIL=... ROSTER_ADMIN_PASSWORD=... python3 contract.py http://127.0.0.1:3000

Logs in as the admin, creates users named contract-...@example.com, which stay, and compares the responses
with those that every target must send: status, members of the body, media type, entity tag, and common headers.
Prints each difference, and exits with 1 if there is one.
"""

import http.client
import json
import os
import re
import sys
import time
import urllib.parse
import uuid
from datetime import datetime

USERS = "/api/v1/users"
LOGIN = "/api/v1/auth/login"
USER_MEMBERS = {"id", "email", "full_name", "role", "is_active", "created_at", "updated_at", "version"}
TOKENS_MEMBERS = {"access_token", "token_type", "expires_in", "refresh_token"}
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}
ERROR_MEMBERS = {"detail", "pointer"}
# Codes of problems that list the invalid values.
WITH_ERRORS = {"invalid", "email_taken", "malformed_json"}
# Members of every health report; a target may add others.
HEALTH_MEMBERS = {"status", "service", "version", "timestamp"}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
PATIENCE_SECONDS = 30


class Response:
    """A response, read to its end."""

    def __init__(self, call, response):
        self.call = call
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        """The JSON of the body; None for other bodies."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Contract:
    """One run against one target."""

    def __init__(self, url, email, password):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_SECONDS)
        self.admin = {"email": email, "password": password}
        self.differences = []

    def expect(self, is_right, call, what):
        """Records a difference if `is_right` is false."""
        if not is_right:
            self.differences.append(f"{call}: {what}")

    def send(self, method, path, token=None, body=None, **headers):
        """Sends one request over the kept connection, and again while no hashing slot is free."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, str) else json.dumps(body)
        until = time.monotonic() + PATIENCE_SECONDS
        response = None
        while response is None or (response.status == 503 and time.monotonic() < until):
            if response is not None:
                time.sleep(0.1)
            try:
                self.connection.request(method, path, body, headers)
                call = f"{method} {path.split('?')[0]}"
                response = Response(call, self.connection.getresponse())
            except ConnectionError:
                # A server may reject a request before its body has arrived, and then close the
                # connection: it has not processed the request.
                self.connection.close()
                if time.monotonic() > until:
                    raise
        self.check_headers(response)
        return response

    def check_headers(self, response):
        """Checks the common parts of every response."""
        for name, value in {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        }.items():
            found = response.headers.get(name)
            self.expect(found == value, response.call, f"{name} is {found!r}, not {value!r}")
        self.expect("X-Request-ID" in response.headers, response.call, "no X-Request-ID")
        if response.status != 304:
            length = response.headers.get("Content-Length")
            self.expect(length == str(len(response.body)), response.call, f"Content-Length is {length}")

    def check_status(self, response, status):
        """Checks the status of a successful response."""
        what = f"answered {response.status}, not {status}: {response.body[:200]!r}"
        self.expect(response.status == status, response.call, what)

    def check_members(self, response, document, members):
        """Checks that an object has these members and no others."""
        found = document.keys() if isinstance(document, dict) else set()
        self.expect(found == members, response.call, f"has {sorted(found)}, not {sorted(members)}")

    def check_document(self, response, status, media_type, tag=None):
        """Checks status, media type and entity tag, and returns the object in the body."""
        self.check_status(response, status)
        for name, value in {"Content-Type": media_type, "ETag": tag}.items():
            found = response.headers.get(name)
            self.expect(found == value, response.call, f"{name} is {found!r}, not {value!r}")
        document = response.json
        return document if isinstance(document, dict) else {}

    def check_problem(self, response, status, code):
        """Checks a problem document."""
        document = self.check_document(response, status, "application/problem+json")
        has_errors = code in WITH_ERRORS
        self.check_members(response, document, PROBLEM_MEMBERS | ({"errors"} if has_errors else set()))
        for name, value in {
            "type": "about:blank",
            "status": status,
            "code": code,
            "instance": response.call.split()[1],
            "request_id": response.headers.get("X-Request-ID"),
        }.items():
            found = document.get(name)
            self.expect(found == value, response.call, f"{name} is {found!r}, not {value!r}")
        for error in document.get("errors", []):
            self.check_members(response, error, ERROR_MEMBERS)
        challenge = response.headers.get("WWW-Authenticate", "")
        is_right = challenge.startswith("Bearer") == (status == 401)
        self.expect(is_right, response.call, f"WWW-Authenticate is {challenge!r}")

    def check_user(self, response, status, full_name, version):
        """Checks a user and its headers, and returns the user."""
        user = self.check_document(response, status, "application/json", f'"v{version}"')
        self.check_members(response, user, USER_MEMBERS)
        self.expect(user.get("full_name") == full_name, response.call, f"name {user.get('full_name')}")
        self.expect(user.get("version") == version, response.call, f"version {user.get('version')}")
        for name in ("created_at", "updated_at"):
            found = str(user.get(name))
            self.expect(RFC_3339.fullmatch(found), response.call, f"{name} is {found}")
        self.check_private(response, f'"v{version}"')
        return user

    def check_private(self, response, tag=None):
        """Checks the headers of a response that only its caller may keep."""
        for name, value in {
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
            "ETag": tag,
        }.items():
            found = response.headers.get(name)
            self.expect(found == value, response.call, f"{name} is {found!r}, not {value!r}")

    def log_in(self, credentials):
        """Logs in and returns the access token."""
        response = self.send("POST", LOGIN, body=credentials)
        tokens = self.check_document(response, 200, "application/json")
        self.check_members(response, tokens, TOKENS_MEMBERS)
        found = response.headers.get("Cache-Control")
        self.expect(found == "no-store", response.call, f"Cache-Control is {found!r}")
        self.expect(tokens.get("token_type") == "Bearer", response.call, "the type is not Bearer")
        self.expect(len(tokens.get("refresh_token", "")) == 43, response.call, "the refresh token")
        return tokens.get("access_token", "")

    def check_health(self):
        for path in ("/api/v1/health/live", "/api/v1/health/ready"):
            response = self.send("GET", path)
            report = self.check_document(response, 200, "application/json")
            missing = HEALTH_MEMBERS - report.keys()
            self.expect(not missing, response.call, f"has no {sorted(missing)}")
        response = self.send("GET", "/api/v1/nowhere", X_Request_ID="contract-1.a")
        self.check_problem(response, 404, "not_found")
        found = response.headers.get("X-Request-ID")
        self.expect(found == "contract-1.a", response.call, f"X-Request-ID is {found}")

    def check_login(self):
        wrong = {"email": self.admin["email"], "password": "not the password"}
        self.check_problem(self.send("POST", LOGIN, body=wrong), 401, "invalid_credentials")
        nobody = {"email": "nobody@example.com", "password": "not the password"}
        self.check_problem(self.send("POST", LOGIN, body=nobody), 401, "invalid_credentials")
        more = {**self.admin, "more": 1}
        self.check_problem(self.send("POST", LOGIN, body=more), 422, "invalid")
        self.check_problem(self.send("POST", LOGIN, body="{"), 400, "malformed_json")
        response = self.send("POST", LOGIN, body="a", Content_Type="text/plain")
        self.check_problem(response, 415, "unsupported_media_type")

    def create(self, token, name, password=None):
        """Creates a user and returns it."""
        email = f"Contract-{name}-{uuid.uuid4().hex}@example.com"
        body = {"email": email, "full_name": "Contract User", "password": password}
        response = self.send("POST", USERS, token, body)
        user = self.check_user(response, 201, "Contract User", 1)
        found = response.headers.get("Location")
        self.expect(found == f"{USERS}/{user.get('id')}", response.call, f"Location is {found}")
        self.expect(user.get("email") == email.lower(), response.call, f"email {user.get('email')}")
        return user

    def check_create(self, token, user):
        again = {"email": user["email"].upper(), "full_name": "Another"}
        self.check_problem(self.send("POST", USERS, token, again), 409, "email_taken")
        bad = {"email": "no address", "full_name": "Another"}
        self.check_problem(self.send("POST", USERS, token, bad), 422, "invalid")
        self.check_problem(self.send("POST", USERS, None, again), 401, "unauthenticated")

    def check_get(self, token, user):
        path = f"{USERS}/{user['id']}"
        for _ in range(2):
            # The second one is cached.
            found = self.check_user(self.send("GET", path, token), 200, "Contract User", 1)
            self.expect(found == user, f"GET {path}", "is not the user that was created")
        response = self.send("GET", path, token, If_None_Match='"v1"')
        self.check_status(response, 304)
        self.expect(response.body == b"", response.call, "304 with a body")
        self.check_private(response, '"v1"')
        response = self.send("GET", path, token, If_None_Match='"v2"')
        self.check_user(response, 200, "Contract User", 1)
        self.check_problem(self.send("GET", path), 401, "unauthenticated")
        self.check_problem(self.send("GET", path, token[:-6] + "AAAAAA"), 401, "unauthenticated")
        self.check_problem(self.send("GET", f"{USERS}/{uuid.uuid4()}", token), 404, "not_found")
        self.check_problem(self.send("GET", f"{USERS}/nobody", token), 404, "not_found")

    def check_list(self, token):
        for name in ("second", "third", "fourth"):
            self.create(token, name)
        response = self.send("GET", f"{USERS}?limit=2", token)
        page = self.check_document(response, 200, "application/json")
        self.check_private(response)
        self.check_members(response, page, {"items", "next"})
        items = page.get("items", [])
        self.expect(len(items) == 2, response.call, f"{len(items)} items of 2")
        for item in items:
            self.check_members(response, item, USER_MEMBERS)
        link = response.headers.get("Link", "")
        self.expect(f"cursor={page.get('next')}" in link and 'rel="next"' in link, response.call, "Link")
        response = self.send("GET", f"{USERS}?limit=2&cursor={page.get('next')}", token)
        self.check_status(response, 200)
        items += (response.json or {}).get("items", [])
        keys = [(datetime.fromisoformat(item["created_at"]), item["id"]) for item in items]
        self.expect(len(set(keys)) == len(keys), response.call, "the pages overlap")
        self.expect(keys == sorted(keys, reverse=True), response.call, "not the newest first")
        for query in ("limit=0", "limit=x", "cursor=AAAA", "unknown=1"):
            self.check_problem(self.send("GET", f"{USERS}?{query}", token), 422, "invalid")

    def check_patch(self, token, user):
        path = f"{USERS}/{user['id']}"
        patch = {"full_name": "Ada Lovelace"}
        merge_patch = {"Content_Type": "application/merge-patch+json"}
        response = self.send("PATCH", path, token, patch, **merge_patch)
        changed = self.check_user(response, 200, "Ada Lovelace", 2)
        found = self.check_user(self.send("GET", path, token), 200, "Ada Lovelace", 2)
        self.expect(found == changed, f"GET {path}", "is not what the PATCH has answered")
        # Nothing changes, including the version.
        self.check_user(self.send("PATCH", path, token, patch), 200, "Ada Lovelace", 2)
        self.check_user(self.send("PATCH", path, token, {}), 200, "Ada Lovelace", 2)
        stale = self.send("PATCH", path, token, {"full_name": "B"}, If_Match='"v1"', **merge_patch)
        self.check_problem(stale, 412, "precondition_failed")
        for bad in ({"full_name": " "}, {"full_name": None}, {"version": 9}):
            self.check_problem(self.send("PATCH", path, token, bad), 422, "invalid")
        nobody = f"{USERS}/{uuid.uuid4()}"
        self.check_problem(self.send("PATCH", nobody, token, patch), 404, "not_found")

    def check_ordinary_user(self, token, other):
        password = "seventeen blue kites"
        user = self.create(token, "self", password)
        own = self.log_in({"email": user["email"], "password": password})
        path = f"{USERS}/{user['id']}"
        self.check_user(self.send("GET", path, own), 200, "Contract User", 1)
        self.check_user(self.send("PATCH", path, own, {"full_name": "Me"}), 200, "Me", 2)
        self.check_user(self.send("GET", path, own), 200, "Me", 2)
        self.check_problem(self.send("GET", f"{USERS}/{other['id']}", own), 404, "not_found")
        self.check_problem(self.send("GET", USERS, own), 403, "forbidden")
        new = {"email": "new@example.com", "full_name": "New"}
        self.check_problem(self.send("POST", USERS, own, new), 403, "forbidden")

    def run(self):
        """Runs every check; `differences` has the results."""
        self.check_health()
        self.check_login()
        token = self.log_in(self.admin)
        user = self.create(token, "other")
        self.check_create(token, user)
        self.check_get(token, user)
        self.check_list(token)
        self.check_patch(token, user)
        self.check_ordinary_user(token, user)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    email, password = os.environ["ROSTER_ADMIN_EMAIL"], os.environ["ROSTER_ADMIN_PASSWORD"]
    contract = Contract(sys.argv[1], email, password)
    try:
        contract.run()
    except (OSError, KeyError, http.client.HTTPException) as error:
        contract.differences.append(f"the rest cannot be checked: {error!r}")
    for difference in contract.differences:
        print(difference, file=sys.stderr)
    sys.exit(1 if contract.differences else 0)


if __name__ == "__main__":
    main()
