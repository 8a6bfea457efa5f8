"""Argon2id, in a limited number of threads of this worker."""

import asyncio
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from peer import problem

# Longest wait for a slot before a request is rejected, and the number of requests that may wait.
WAIT_SECONDS = 0.5
WAITING = 3

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Passwords:
    """Hashing slots."""

    def __init__(self, slots):
        self._slots = asyncio.Semaphore(slots)
        self._waiting = 0

    @asynccontextmanager
    async def slot(self):
        """A slot for one hash; 503 when none becomes free in time."""
        if self._slots.locked():
            await self._wait()
        else:
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def _wait(self):
        if self._waiting >= WAITING:
            raise problem.busy()
        self._waiting += 1
        try:
            await asyncio.wait_for(self._slots.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise problem.busy() from None
        finally:
            self._waiting -= 1


async def hash_password(password):
    """Hashes a new password; call it in a slot."""
    return await asyncio.to_thread(HASHER.hash, password)


async def verify(guess, stored):
    """Verifies a password, in a slot. Without a stored hash it takes the same time and fails."""
    return await asyncio.to_thread(_verify, guess, stored)


def _verify(guess, stored):
    if stored is None:
        HASHER.hash(guess)
        return False
    try:
        return HASHER.verify(stored, guess)
    except (VerificationError, InvalidHashError):
        return False
