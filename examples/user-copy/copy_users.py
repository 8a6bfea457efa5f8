"""Keeps a copy of Roster's users in an SQLite database, by the change feed.

    ROSTER_URL=https://api.example.com ROSTER_KEY=rsk_... python3 copy_users.py users.db

The key is one of a service account with the scopes audit:read and users:read. The program may be killed at any time and
continues where it was: it stores the position in the feed in the same transaction as the changes before it. It needs no
packages.
"""

import http.client
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, full_name TEXT NOT NULL, role TEXT NOT NULL, is_active INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS feed (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), position INTEGER NOT NULL
);
"""
LONGEST_PAUSE = 5.0


class FeedRestart(Exception):
    """Events after the position are not available any more."""


def get(path: str, **parameters: object) -> dict:
    """Returns the JSON of a response. Repeats the request while Roster is unavailable."""
    query = urllib.parse.urlencode(parameters)
    request = urllib.request.Request(
        f"{os.environ['ROSTER_URL'].rstrip('/')}/api/v1/{path}?{query}",
        headers={"Authorization": f"Bearer {os.environ['ROSTER_KEY']}"},
    )
    pause = 0.1
    while True:
        try:
            # Longer than the feed waits for an event.
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code == 410:
                raise FeedRestart from error
            if error.code != 429 and error.code < 500:
                raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from error
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def store(database: sqlite3.Connection, user: dict) -> None:
    columns = "id, email, full_name, role, is_active"
    values = f"(:{columns.replace(', ', ', :')})"
    database.execute(f"INSERT OR REPLACE INTO users ({columns}) VALUES {values}", user)


def copy_all(database: sqlite3.Connection) -> int:
    """Replaces the copy with all users, and returns the position in the feed that it is at least as new as.

    The position is requested first: whatever changes during the copy is an event after it.
    """
    position = get("events")["next"]
    page = get("users/export")
    with database:
        database.execute("DELETE FROM users")
        while True:
            for user in page["items"]:
                store(database, user)
            if page["next"] is None:
                break
            page = get("users/export", cursor=page["next"])
        database.execute("INSERT OR REPLACE INTO feed VALUES (1, ?)", [position])
    return position


def follow(database: sqlite3.Connection, position: int) -> int:
    """Applies the next events, and returns the position after them.

    An event contains the present state of its user, which may be newer than the event: applying it again, or an earlier
    event after it, gives the same result.
    """
    page = get("events", after=position, include_user="true", wait=30)
    with database:
        for item in page["items"]:
            if item["user"] is not None:
                store(database, item["user"])
            else:
                # A deleted user, or something else than a user.
                database.execute("DELETE FROM users WHERE id = ?", [item["event"]["target_id"]])
        database.execute("UPDATE feed SET position = ?", [page["next"]])
    return page["next"]


def main() -> None:
    database = sqlite3.connect(sys.argv[1])
    database.executescript(SCHEMA)
    stored = database.execute("SELECT position FROM feed").fetchone()
    position = stored[0] if stored else copy_all(database)
    while True:
        try:
            position = follow(database, position)
        except FeedRestart:
            position = copy_all(database)


if __name__ == "__main__":
    main()
