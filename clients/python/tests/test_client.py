"""The client against the app that ROSTER_URL names."""

import asyncio
import os
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor

from roster_client import ProblemError, Roster, Tokens, items, unwrap
from roster_client.openapi.api.auth import login
from roster_client.openapi.api.me import get_me
from roster_client.openapi.api.service_accounts import (
    create_api_key,
    create_service_account,
    list_service_accounts,
)
from roster_client.openapi.api.users import create_user, get_user, list_users, update_user
from roster_client.openapi.models import (
    Attributes,
    CreateApiKey,
    CreateServiceAccount,
    CreateUser,
    ListUsersAttributes,
    Login,
    PatchUser,
    User,
)

URL = os.environ["ROSTER_URL"]
EMAIL = os.environ["ROSTER_EMAIL"]
PASSWORD = os.environ["ROSTER_PASSWORD"]


def expired(roster: Roster) -> tuple[Roster, list[Tokens | None]]:
    """A client of another session, whose access token has expired, and the tokens that it gets."""
    body = Login(email=EMAIL, password=PASSWORD)
    tokens = unwrap(login.sync_detailed(client=roster.api, body=body))
    kept: list[Tokens | None] = []
    pair = Tokens("expired", tokens.refresh_token)
    return Roster(URL, tokens=pair, on_tokens=kept.append), kept


class ClientTest(unittest.TestCase):
    prefix: str
    roster: Roster
    users: list[User]

    @classmethod
    def setUpClass(cls) -> None:
        cls.prefix = str(uuid.uuid4())
        cls.roster = Roster(URL)
        cls.roster.login(EMAIL, PASSWORD)
        cls.users = [cls.create(f"{cls.prefix}-{n}") for n in range(5)]

    @classmethod
    def create(cls, name: str) -> User:
        body = CreateUser(email=f"{name}@example.com", full_name="Ada Lovelace")
        return unwrap(create_user.sync_detailed(client=cls.roster.api, body=body))

    def assert_problem(self, code: str, problem: ProblemError) -> None:
        self.assertEqual(problem.code, code, problem)

    def test_a_list_yields_the_items_of_all_pages(self) -> None:
        operation = list_users.sync_detailed
        found = items(operation, self.roster.api, q=self.prefix, sort="email", limit=2)
        self.assertEqual([user.id for user in found], [user.id for user in self.users])

    def test_a_list_is_filtered_by_attributes(self) -> None:
        user = self.users[1].id
        body = PatchUser(attributes=Attributes.from_dict({"team": self.prefix}))
        update_user.sync_detailed(user, client=self.roster.api, body=body)
        team = ListUsersAttributes.from_dict({"attributes.team": self.prefix})
        found = items(list_users.sync_detailed, self.roster.api, attributes=team)
        self.assertEqual([user.id for user in found], [user])

    def test_a_change_is_applied_to_the_current_version_only(self) -> None:
        client, user = self.roster.api, self.users[0].id
        tag = get_user.sync_detailed(user, client=client).headers["ETag"]
        body = PatchUser(full_name="Grace Hopper")
        changed = update_user.sync_detailed(user, client=client, body=body, if_match=tag)
        self.assertEqual(unwrap(changed).full_name, "Grace Hopper")
        with self.assertRaises(ProblemError) as stale:
            update_user.sync_detailed(user, client=client, body=body, if_match=tag)
        self.assert_problem("precondition_failed", stale.exception)
        self.assertIsNone(
            get_user.sync(user, client=client, if_none_match=changed.headers["ETag"])
        )

    def test_problems_have_codes_and_name_the_invalid_values(self) -> None:
        with self.assertRaises(ProblemError) as taken:
            self.create(f"{self.prefix}-0")
        self.assert_problem("email_taken", taken.exception)
        with self.assertRaises(ProblemError) as invalid:
            body = CreateUser(email="no email", full_name="")
            create_user.sync_detailed(client=self.roster.api, body=body)
        pointers = [error["pointer"] for error in invalid.exception.problem["errors"]]
        self.assertEqual(pointers, ["#/email", "#/full_name"])
        with self.assertRaises(ProblemError) as wrong:
            Roster(URL).login("nobody@example.com", PASSWORD)
        self.assert_problem("invalid_credentials", wrong.exception)

    def test_an_expired_token_is_renewed_once_for_all_threads(self) -> None:
        roster, kept = expired(self.roster)
        with ThreadPoolExecutor(8) as threads:
            calls = [threads.submit(get_me.sync_detailed, client=roster.api) for _ in range(8)]
            emails = {unwrap(call.result()).email for call in calls}
        self.assertEqual(emails, {EMAIL})
        self.assertEqual(len(kept), 1)
        body = PatchUser(full_name="Ada King")
        changed = update_user.sync_detailed(self.users[1].id, client=roster.api, body=body)
        self.assertEqual(unwrap(changed).full_name, "Ada King")
        roster.logout()
        self.assertEqual(kept[1:], [None])
        with self.assertRaises(ProblemError) as ended:
            get_me.sync_detailed(client=roster.api)
        self.assert_problem("unauthenticated", ended.exception)

    def test_an_expired_token_is_renewed_once_for_all_tasks(self) -> None:
        roster, kept = expired(self.roster)

        async def call() -> set[str]:
            calls = (get_me.asyncio_detailed(client=roster.api) for _ in range(8))
            return {unwrap(response).email for response in await asyncio.gather(*calls)}

        self.assertEqual(asyncio.run(call()), {EMAIL})
        self.assertEqual(len(kept), 1)

    def test_a_service_account_calls_with_its_key(self) -> None:
        client = self.roster.api
        account = CreateServiceAccount(name=f"test-{self.prefix}", scopes=["users:read"])
        created = unwrap(create_service_account.sync_detailed(client=client, body=account))
        key = unwrap(create_api_key.sync_detailed(created.id, client=client, body=CreateApiKey()))
        service = Roster(URL, api_key=key.key)
        found = items(list_users.sync_detailed, service.api, q=self.prefix, limit=2)
        self.assertEqual(len(list(found)), len(self.users))
        with self.assertRaises(ProblemError) as refused:
            body = CreateUser(email=f"{self.prefix}-9@example.com", full_name="Ada")
            create_user.sync_detailed(client=service.api, body=body)
        self.assert_problem("insufficient_scope", refused.exception)
        names = [item.name for item in items(list_service_accounts.sync_detailed, client)]
        self.assertIn(created.name, names)

    def test_an_ended_session_is_reported(self) -> None:
        kept: list[Tokens | None] = []
        roster = Roster(URL, tokens=Tokens("expired", "ended"), on_tokens=kept.append)
        with self.assertRaises(ProblemError) as ended:
            get_me.sync_detailed(client=roster.api)
        self.assert_problem("unauthenticated", ended.exception)
        self.assertEqual(kept, [None])


if __name__ == "__main__":
    unittest.main()
