"""Settings, under the same names as in Roster."""

import os
from dataclasses import dataclass

PREFIX = "SPIN_VARIABLE_"
# Per worker: in total below Postgres' connection limit.
DB_CONNECTIONS = 16
REDIS_CONNECTIONS = 32


@dataclass(frozen=True)
class Settings:
    """Each field is the variable of the same name."""

    db_host: str
    db_password: str
    redis_host: str
    jwt_secret: str
    cursor_key: str
    db_port: int = 5432
    db_name: str = "roster"
    db_user: str = "roster"
    redis_port: int = 6379
    redis_password: str = ""
    jwt_issuer: str = "roster"
    jwt_audience: str = "roster-api"
    rate_limit_requests: int = 100
    rate_limit_window_seconds: int = 60
    login_attempts_per_account: int = 5
    login_attempts_per_ip: int = 50
    login_delay_seconds: float = 30.0
    cache_ttl_seconds: int = 30
    hash_slots: int = 1

    @classmethod
    def read(cls):
        """Reads the environment; a missing or non-numeric variable is an error."""
        values = {}
        for name, kind in cls.__annotations__.items():
            text = os.environ.get(PREFIX + name.upper())
            if text is not None:
                values[name] = kind(text)
        return cls(**values)
