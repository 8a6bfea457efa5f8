"""Postgres: one prepared statement per use case. A user is a dict of the statements' columns."""

import logging
from pathlib import Path

import asyncpg
from uuid_utils import uuid7

from peer import problem
from peer.settings import DB_CONNECTIONS

STATEMENTS = {
    path.stem: path.read_text()
    for path in (Path(__file__).parents[2] / "statements").glob("*.sql")
}
PATIENCE_SECONDS = 1.5
USER_COLUMNS = (
    "id",
    "email",
    "full_name",
    "role",
    "is_active",
    "created_at",
    "updated_at",
    "version",
    "session_epoch",
)
# Transient errors: connections, resources, serialization, locks, and cancelled statements.
PASSING = ("08", "40", "53", "55", "57")

log = logging.getLogger("uvicorn.error")


class Store:
    """Statements over a pool of connections, each of which prepares them once."""

    def __init__(self, pool):
        self._pool = pool

    @classmethod
    async def connect(cls, settings):
        pool = await asyncpg.create_pool(
            host=settings.db_host,
            port=settings.db_port,
            database=settings.db_name,
            user=settings.db_user,
            password=settings.db_password,
            ssl=False,
            min_size=1,
            max_size=DB_CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            init=_init,
            reset=_reset,
        )
        return cls(pool)

    async def close(self):
        await self._pool.close()

    async def _rows(self, sql, *params):
        try:
            async with self._pool.acquire(timeout=PATIENCE_SECONDS) as connection:
                return await connection.fetch(sql, *params)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "users_email_key":
                raise problem.email_taken() from None
            raise
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "").startswith(PASSING):
                log.warning("unavailable: %s", error)
                raise problem.unavailable() from None
            raise
        except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
            log.warning("unavailable: %r", error)
            raise problem.unavailable() from None

    async def _row(self, name, *params):
        rows = await self._rows(STATEMENTS[name], *params)
        return rows[0] if rows else None

    async def ping(self):
        await self._rows("SELECT 1")

    async def find_caller(self, user_id, session_id):
        """The user, if the session is alive; else whether the session is another user's."""
        row = await self._row("find_caller", user_id, session_id)
        return read_user(row), row["is_anothers"]

    async def find_user(self, user_id):
        return read_user(await self._row("find_user", user_id))

    async def list_users(self, count, after):
        """Up to `count` users after `after`, newest first."""
        if after is None:
            rows = await self._rows(STATEMENTS["first_page"], count)
        else:
            rows = await self._rows(STATEMENTS["next_page"], count, *after)
        return [read_user(row) for row in rows]

    async def create_user(self, new, password_hash, caller):
        row = await self._row(
            "create_user",
            str(uuid7()),
            new.email,
            new.full_name,
            password_hash,
            caller.user["id"],
            caller.request_id,
            caller.client,
        )
        return read_user(row)

    async def update_user(self, user_id, full_name, expected, caller):
        """The user after the change, or None; and whether the user exists."""
        row = await self._row(
            "update_user",
            user_id,
            full_name,
            expected,
            caller.user["id"],
            caller.request_id,
            caller.client,
        )
        return read_user(row), row["found"]

    async def count_guess(self, email, unknown_key, settings, client):
        """Counts a login attempt before the password is compared, and returns its row."""
        return await self._row(
            "count_guess",
            email,
            client.network,
            unknown_key,
            settings.login_attempts_per_account,
            settings.login_attempts_per_ip,
            settings.login_delay_seconds,
            client.request_id,
            client.client,
        )

    async def audit_failure(self, user_id, client):
        await self._row("audit_failure", user_id, client.request_id, client.client)

    async def open_session(self, attempt, session_id, token, client):
        """The user of the new session and the sessions that it replaced; None if the password changed."""
        row = await self._row(
            "open_session",
            attempt["id"],
            attempt["password_hash"],
            session_id,
            token.hash(),
            token.family(),
            client.request_id,
            client.client,
            client.network,
            attempt["network_failures"],
            attempt["account_key"],
        )
        return row and (read_user(row), row["ended"] or [])


async def _init(connection):
    """Decodes ids as text: they are only compared and passed on."""
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=str, decoder=str, format="text"
    )


async def _reset(_connection):
    """Does nothing: single statements leave no state, and making Postgres drop it costs a round trip."""


def read_user(row):
    """The user of a row, if it has one."""
    if row is None or row["id"] is None:
        return None
    return {name: row[name] for name in USER_COLUMNS}
