//! The table of settings.

use super::Component::{Auth, Docs, Users};
use super::Readers::{All, Only, With};
use super::Values::{Flag, Number, Text, Words};
use super::{Part, Readers, Section, Setting, Source, Values};

const STORES: Readers = With(Part::Stores);
const HOST: Readers = With(Part::Host);
const API: Readers = With(Part::AccessControl);
const PASSWORDS: Readers = With(Part::Passwords);
const USERS: Readers = Only(Users);
const AUTH: Readers = Only(Auth);
const DOCS: Readers = Only(Docs);

/// Every setting, in sections.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Postgres",
        settings: &[
            open("db_host", Text, None, STORES, "Host name or address."),
            open("db_port", Number(1, 65_535), Some("5432"), STORES, "Port."),
            open("db_name", Text, Some("roster"), STORES, "Database."),
            open(
                "db_user",
                Text,
                Some("roster"),
                STORES,
                "Role that the app logs in with, a member of `roster_app`.",
            )
            .probe_key("db_probe_user"),
            secret("db_password", Text, None, STORES, "Password of that role.")
                .probe_key("db_probe_password"),
            open(
                "db_sslmode",
                Words(&["disable", "prefer", "require"]),
                Some("prefer"),
                STORES,
                "TLS to Postgres. `prefer` and `require` verify the certificate, so a local server \
                    without one needs `disable`.",
            ),
        ],
    },
    Section {
        title: "Redis",
        settings: &[
            open(
                "redis_host",
                Text,
                None,
                STORES,
                "Host name or address. Redis is a cache: any key may vanish at any time.",
            ),
            open(
                "redis_port",
                Number(1, 65_535),
                Some("6379"),
                STORES,
                "Port.",
            ),
            open(
                "redis_user",
                Text,
                Some(""),
                STORES,
                "User, if the server has users.",
            ),
            secret(
                "redis_password",
                Text,
                Some(""),
                STORES,
                "Password, if the server has one.",
            ),
            open("redis_tls", Flag, Some("false"), STORES, "TLS to Redis."),
        ],
    },
    Section {
        title: "Keys and access tokens",
        settings: &[
            secret(
                "cursor_key",
                Text,
                None,
                API,
                "Root of the keys that encrypt cursors and cached users and fingerprint addresses and \
                    requests: at least 32 random bytes, for example from `openssl rand -hex 32`, the same \
                    for all components.",
            ),
            open(
                "jwt_algorithm",
                Words(&["HS256", "EdDSA"]),
                Some("HS256"),
                API,
                "Signature of access tokens. With EdDSA only `auth` has the signing key.",
            ),
            // In a cluster tokens are signed with EdDSA, so that only `auth` has the signing key.
            secret(
                "jwt_secret",
                Text,
                Some(""),
                API,
                "HS256, required: at least 32 random bytes.",
            )
            .source(Source::Default),
            secret(
                "jwt_secret_previous",
                Text,
                Some(""),
                API,
                "HS256: the previous secret, which only verifies, until its tokens have expired.",
            )
            .source(Source::Default),
            secret(
                "jwt_secret_next",
                Text,
                Some(""),
                API,
                "HS256: the next secret, which only verifies, before any instance signs with it.",
            )
            .source(Source::Default),
            secret(
                "jwt_private_key",
                Text,
                Some(""),
                AUTH,
                "EdDSA, required: Ed25519 in PEM (PKCS#8) or its base64 on one line; `openssl genpkey \
                    -algorithm ed25519` makes one.",
            ),
            // Beside the private key, with which it is rotated.
            open(
                "jwt_public_key",
                Text,
                Some(""),
                API,
                "EdDSA, required: the public half in PEM (SPKI) or its base64 on one line.",
            )
            .source(Source::Secret),
            open(
                "jwt_public_key_previous",
                Text,
                Some(""),
                API,
                "EdDSA: the previous public key, which only verifies and is in the key set.",
            )
            .source(Source::OptionalSecret),
            open(
                "jwt_public_key_next",
                Text,
                Some(""),
                API,
                "EdDSA: the next public key, which only verifies and is in the key set.",
            )
            .source(Source::OptionalSecret),
            open(
                "access_token_minutes",
                Number(1, 60),
                Some("15"),
                AUTH,
                "Lifetime of an access token in minutes.",
            ),
            open(
                "jwt_issuer",
                Text,
                Some("roster"),
                API,
                "Claim `iss` of access tokens.",
            ),
            open(
                "jwt_audience",
                Text,
                Some("roster-api"),
                API,
                "Claim `aud` of access tokens.",
            ),
        ],
    },
    Section {
        title: "Accounts",
        settings: &[
            open(
                "bootstrap_admin_email",
                Text,
                Some(""),
                AUTH,
                "Email of the first admin, created once, at their first login, in a database without an \
                    admin.",
            )
            .source(Source::OptionalSecret),
            secret(
                "bootstrap_admin_password",
                Text,
                Some(""),
                AUTH,
                "Password of the first admin: at least 12 characters. Delete both after the first login.",
            )
            .source(Source::OptionalSecret),
            open(
                "registration_enabled",
                Flag,
                Some("false"),
                AUTH,
                "Registration by anyone at `/auth/register`. `cargo xtask up` enables it.",
            ),
            open(
                "token_form_enabled",
                Flag,
                Some("false"),
                AUTH,
                "The OAuth2 password form at `/auth/token`, for the documentation's Authorize button. \
                    `cargo xtask up` enables it.",
            ),
            open(
                "password_hash_export_enabled",
                Flag,
                Some("false"),
                USERS,
                "Password hashes in exports (`roster users export --password-hashes`). Each page with hashes \
                    is recorded in the audit trail. Enable it for a move to another system only.",
            ),
            open(
                "user_attributes",
                Text,
                Some(""),
                With(Part::Attributes),
                "Definitions of the users' attributes, a JSON Schema on one line: see [API](api.md#attributes). \
                    Without it, admins may set any attribute.",
            ),
            open(
                "breach_check_url",
                Text,
                Some(""),
                PASSWORDS,
                "`scheme://host[:port]` of a server with the range API of Have I Been Pwned, such as \
                    `https://api.pwnedpasswords.com`: new passwords from known data breaches are rejected. \
                    It receives five characters of their SHA-1; without a response within 500 ms the \
                    password is accepted.",
            ),
        ],
    },
    Section {
        title: "Limits",
        settings: &[
            open(
                "trusted_proxy_hops",
                Number(0, 16),
                Some("0"),
                API,
                "Number of trusted proxies in front of the host: that many entries of `X-Forwarded-For` \
                    are trusted.",
            ),
            open(
                "rate_limit_requests",
                Number(0, 1_000_000),
                Some("100"),
                API,
                "Requests per window and user, else per client address (IPv6: per /64); 0 disables the \
                    limit.",
            ),
            open(
                "rate_limit_window_seconds",
                Number(1, 86_400),
                Some("60"),
                API,
                "Length of the window in seconds.",
            ),
            open(
                "login_attempts_per_account",
                Number(1, 1_000_000),
                Some("5"),
                PASSWORDS,
                "Failed logins per account within 15 minutes before further ones are delayed, up to 15 \
                    minutes. Networks that signed in to the account within 30 days have a count of their \
                    own.",
            ),
            open(
                "login_attempts_per_ip",
                Number(1, 1_000_000),
                Some("50"),
                PASSWORDS,
                "Failed logins per network within 15 minutes before further ones are delayed, up to one \
                    minute.",
            ),
            open(
                "login_delay_seconds",
                Number(1, 900),
                Some("30"),
                PASSWORDS,
                "First delay in seconds; it doubles up to 15 minutes.",
            ),
            open(
                "hash_slots",
                Number(1, 64),
                Some("1"),
                PASSWORDS,
                "Passwords hashed at a time per host; each takes a CPU for tens of milliseconds.",
            ),
        ],
    },
    Section {
        title: "Sessions",
        settings: &[
            open(
                "max_sessions",
                Number(1, 1_000),
                Some("50"),
                AUTH,
                "Live sessions per user: a further login ends the oldest.",
            ),
            open(
                "session_idle_days",
                Number(1, 365),
                Some("7"),
                AUTH,
                "Lifetime of a session without a refresh in days, at most `session_absolute_days`.",
            ),
            open(
                "session_absolute_days",
                Number(1, 365),
                Some("30"),
                AUTH,
                "Lifetime of a session in total, in days.",
            ),
            open(
                "refresh_grace_seconds",
                Number(0, 60),
                Some("10"),
                AUTH,
                "Time in seconds in which a spent refresh token returns the same successor again, for a \
                    lost response; 0 disables it.",
            ),
        ],
    },
    Section {
        title: "HTTP",
        settings: &[
            open(
                "cors_allowed_origins",
                Text,
                Some(""),
                All,
                "Exact origins that browsers may call from, separated by commas.",
            ),
            open(
                "require_if_match",
                Flag,
                Some("false"),
                PASSWORDS,
                "Changes without `If-Match` are rejected with 428.",
            ),
            open(
                "cache_ttl_seconds",
                Number(1, 30),
                Some("30"),
                API,
                "Lifetime of a cached user or session in Redis in seconds.",
            ),
            open(
                "docs_enabled",
                Flag,
                Some("true"),
                DOCS,
                "`/api/docs`, `/api/redoc` and `/api/openapi.json`. Disable it in production.",
            ),
        ],
    },
    Section {
        title: "Operation",
        settings: &[
            open(
                "host_id",
                Text,
                Some("local"),
                HOST,
                "Name of the host that shares the hash slots: the pod's name in a cluster.",
            )
            .source(Source::PodName),
            open(
                "log_level",
                Words(&["debug", "info", "warn", "error"]),
                Some("info"),
                All,
                "Least severe level that is logged.",
            ),
            open(
                "service_name",
                Text,
                Some("roster"),
                All,
                "Name of the service in every log line and in `/health`: up to 63 letters, digits, \
                 dots, hyphens and underscores.",
            ),
            open(
                "environment_name",
                Text,
                Some("local"),
                All,
                "Name of the environment in every log line and in `/health`, in the same form.",
            ),
        ],
    },
];

const fn open(
    name: &'static str,
    values: Values,
    default: Option<&'static str>,
    readers: Readers,
    description: &'static str,
) -> Setting {
    Setting {
        name,
        values,
        default,
        secret: false,
        readers,
        source: Source::ConfigMap,
        probe_key: None,
        description,
    }
}

const fn secret(
    name: &'static str,
    values: Values,
    default: Option<&'static str>,
    readers: Readers,
    description: &'static str,
) -> Setting {
    Setting {
        secret: true,
        source: Source::Secret,
        ..open(name, values, default, readers, description)
    }
}

impl Setting {
    const fn source(self, source: Source) -> Self {
        Self { source, ..self }
    }

    const fn probe_key(self, key: &'static str) -> Self {
        Self {
            probe_key: Some(key),
            ..self
        }
    }
}
