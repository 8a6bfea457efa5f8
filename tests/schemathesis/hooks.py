"""Signs schemathesis in at a running Roster, as the role that ROSTER_CALLER names.

Most operations are called by one account. Those that end a session or change the account that calls
have an account each, and a new one after they succeeded: otherwise the rest of the run would only
see 401. All accounts are made by the administrator of ROSTER_ADMIN_EMAIL and
ROSTER_ADMIN_PASSWORD, whom no case may touch.
"""

import os
import random
import threading
import uuid

import requests
import schemathesis

URL = os.environ["ROSTER_URL"]
CALLER = os.environ["ROSTER_CALLER"]
PASSWORD = uuid.uuid4().hex

# Of its own: the one of the module starts anew with every case.
CHANCE = random.Random(0)

# Operations whose success changes the calling account or ends its session.
SPENDING = {
    "change_password",
    "delete_me",
    "end_session",
    "logout",
    "logout_all",
    "update_me",
}


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """The lines of an import, which the document describes as text."""
    return value.encode() if isinstance(value, str) else None


def login(email, password):
    """The answer of a login, tried again while the app is busy hashing."""
    body = {"email": email, "password": password}
    while True:
        answer = requests.post(f"{URL}/api/v1/auth/login", json=body, timeout=30)
        if answer.status_code != 503:
            answer.raise_for_status()
            return answer.json()


class Administrator:
    """Makes the accounts that call."""

    def __init__(self):
        self.token = None
        self.id = None
        self.sign_in()

    def sign_in(self):
        email, password = os.environ["ROSTER_ADMIN_EMAIL"], os.environ["ROSTER_ADMIN_PASSWORD"]
        self.token = login(email, password)["access_token"]
        self.id = self.call("GET", "/api/v1/users/me").json()["id"]

    def call(self, method, path, **arguments):
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, URL + path, headers=headers, timeout=30, **arguments)

    def new_account(self):
        """The email of a new account with the role that calls."""
        email = f"schemathesis-{uuid.uuid4().hex}@example.com"
        body = {"email": email, "full_name": "Schemathesis", "password": PASSWORD, "role": CALLER}
        answer = self.call("POST", "/api/v1/users", json=body)
        while answer.status_code in (401, 503):
            # An access token lives for 15 minutes, which a long run outlasts.
            if answer.status_code == 401:
                self.sign_in()
            answer = self.call("POST", "/api/v1/users", json=body)
        answer.raise_for_status()
        return email


class Accounts:
    """The token of each account that calls, by what it is for."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tokens = {}
        self.administrator = Administrator()
        self.email = self.administrator.new_account()

    def session(self, purpose):
        """A session of the account that calls for `purpose`."""
        headers = {"Authorization": f"Bearer {self.token(purpose)}"}
        answer = requests.get(f"{URL}/api/v1/auth/sessions", headers=headers, timeout=30)
        return answer.json()["items"][0]["id"] if answer.ok else str(uuid.uuid4())

    def token(self, operation_id):
        purpose = operation_id if operation_id in SPENDING else "everything else"
        with self.lock:
            if purpose not in self.tokens:
                email = self.administrator.new_account()
                self.tokens[purpose] = login(email, PASSWORD)["access_token"]
            return self.tokens[purpose]

    def refresh_token(self):
        """Of the account that signs in; another one when a case took that away."""
        try:
            return login(self.email, PASSWORD)["refresh_token"]
        except requests.HTTPError:
            self.email = self.administrator.new_account()
            return login(self.email, PASSWORD)["refresh_token"]

    def drop(self, token):
        with self.lock:
            self.tokens = {name: kept for name, kept in self.tokens.items() if kept != token}


ACCOUNTS = Accounts()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        return ACCOUNTS.token(operation_id(case))

    def set(self, case, token, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"


def is_utf8(value):
    """Whether a header arrives as UTF-8; schemathesis sends Latin-1."""
    try:
        value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return True


@schemathesis.hook
def filter_case(context, case):
    """Nobody touches the account that makes the others, and Spin itself answers 500 to a header
    that is not UTF-8, before any component sees it."""
    path, headers = case.path_parameters, case.headers
    if isinstance(path, dict) and path.get("id") == ACCOUNTS.administrator.id:
        return False
    return all(is_utf8(str(value)) for value in (headers or {}).values())


def known_account(case):
    """Values with which an operation can succeed, in place of made-up ones that cannot."""
    name = operation_id(case)
    if name == "login":
        return {"email": ACCOUNTS.email, "password": PASSWORD}
    if name == "token_form":
        return {"username": ACCOUNTS.email, "password": PASSWORD}
    if name == "refresh":
        return {"refresh_token": ACCOUNTS.refresh_token()}
    if name == "change_password":
        return {"old_password": PASSWORD}
    if name in ("delete_me", "update_me"):
        return {"current_password": PASSWORD}
    return {}


@schemathesis.hook
def map_case(context, case):
    """Half of the valid requests can succeed: what they name is there."""
    if case.meta is None or case.meta.generation.mode.value != "positive" or CHANCE.random() < 0.5:
        return case
    if isinstance(case.body, dict):
        for name, value in known_account(case).items():
            if name in case.body:
                case.body[name] = value
    if operation_id(case) == "end_session":
        case.path_parameters["id"] = ACCOUNTS.session("end_session")
    return case


@schemathesis.hook
def after_call(context, case, response):
    """An account that was changed, or whose session is over, does not call again."""
    sent = response.request.headers.get("Authorization", "")
    spent = operation_id(case) in SPENDING and response.status_code < 300
    if spent or response.status_code == 401:
        ACCOUNTS.drop(sent.removeprefix("Bearer "))
