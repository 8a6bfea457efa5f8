"""Redis: users, sessions and rates."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from peer.settings import REDIS_CONNECTIONS

# Entry of a session that has ended.
ENDED = "-"
# Key that never has an entry.
NOTHING = "roster:nothing"
PATIENCE_SECONDS = 1
# Extra lifetime of an ended session's entry: a reader that read Postgres before may still write.
ENDED_MARGIN_SECONDS = 5

SCRIPTS = Path(__file__).parents[2] / "statements"


@dataclass(slots=True)
class Found:
    """Entries in Redis; the rate is allowed, remaining, reset and retry, in milliseconds."""

    session: str | None = None
    caller: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    rate: tuple[int, int, int, int] | None = None


class Cache:
    """Entries of users and sessions."""

    def __init__(self, settings):
        self._redis = Redis(
            connection_pool=BlockingConnectionPool(
                host=settings.redis_host,
                port=settings.redis_port,
                password=settings.redis_password or None,
                decode_responses=True,
                max_connections=REDIS_CONNECTIONS,
                timeout=PATIENCE_SECONDS,
                socket_timeout=PATIENCE_SECONDS,
                socket_connect_timeout=PATIENCE_SECONDS,
            )
        )
        self._admit = self._redis.register_script((SCRIPTS / "admit.lua").read_text())
        self._keep = self._redis.register_script((SCRIPTS / "keep.lua").read_text())
        self._ttl = settings.cache_ttl_seconds
        self._limit = settings.rate_limit_requests
        self._window = settings.rate_limit_window_seconds
        # The loop only holds weak references to tasks.
        self._tasks = set()

    async def close(self):
        await self._redis.aclose()

    async def ping(self):
        try:
            return await self._redis.ping()
        except (RedisError, OSError):
            return False

    async def find(self, caller, about, client):
        """Reads session, caller (user and session), another user and the rate in one round trip."""
        address = f"roster:rate:address:{client}"
        keys = [NOTHING, NOTHING, NOTHING, address, address]
        if caller is not None:
            user_id, session_id = caller
            keys[0], keys[1] = session_key(session_id), user_key(user_id)
            keys[3] = f"roster:rate:user:{user_id}"
        if about is not None:
            keys[2] = user_key(about)
        try:
            session, user, other, *rate = await self._admit(
                keys, (self._limit, self._window * 1000, ENDED)
            )
        except (RedisError, OSError):
            # Nothing is counted then, and the caller is read from Postgres.
            return Found()
        rate = tuple(rate) if self._limit else None
        return Found(session, read_user(user), read_user(other), rate)

    async def put(self, user, session_id=None):
        """Caches a user, and their session if it is known to be alive."""
        keys = [user_key(user["id"])]
        if session_id is not None:
            keys.append(session_key(session_id))
        stamp = user["version"] + user["session_epoch"]
        entry = orjson.dumps(user, option=orjson.OPT_UTC_Z)
        try:
            await self._keep(keys, (self._ttl * 1000, stamp, entry, alive(user)))
        except (RedisError, OSError):
            # Existing entries expire by themselves.
            pass

    def keep(self, user, session_id=None):
        """Does the same after the response."""
        self._later(self.put(user, session_id))

    async def end(self, session_id):
        """Marks the session as ended."""
        ttl = self._ttl + ENDED_MARGIN_SECONDS
        try:
            await self._redis.set(session_key(session_id), ENDED, ex=ttl)
        except (RedisError, OSError):
            pass

    def end_later(self, session_id):
        """Does the same after the response."""
        self._later(self.end(session_id))

    def _later(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def read_user(entry):
    """The user of an entry, `<stamp>:<JSON>`."""
    return orjson.loads(entry.partition(":")[2]) if entry else None


def alive(user):
    """The entry of a live session of `user`."""
    return f"{user['id']}:{user['session_epoch']}"


def user_key(user_id):
    return f"roster:user:{user_id}"


def session_key(session_id):
    return f"roster:session:{session_id}"
