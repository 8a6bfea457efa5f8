//! Writes the entry of a user or service account, and of a session, unless Redis has a newer one.

use spin_pg_bindings::redis::{Arg, Command, Script};

use super::{GENERATION, Generation, session_key};
use crate::session::SessionId;

/// KEYS: generation, user or service account, session (optional). ARGV: TTL in milliseconds, stamp, payload, new lifetime of
/// a mark of doubt (0 for readers: it is not extended), the generation that was known before Postgres was
/// read, session entry. A mark stays, since its write may still be committed. In another generation, a
/// writer leaves a mark and a reader leaves nothing.
static PUT: Script = Script::new(
    "local known = redis.call('GET', KEYS[1]) == ARGV[5] \
    local c = redis.call('GET', KEYS[2]) \
    local v = c and tonumber(string.match(c, '^(%d+):')) \
    local doubt = tonumber(ARGV[4]) \
    if c == '?' then if doubt > 0 then redis.call('PEXPIRE', KEYS[2], doubt) end \
    elseif not (v and v > tonumber(ARGV[2])) then \
    if known then redis.call('SET', KEYS[2], ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[1]) \
    elseif doubt > 0 then redis.call('SET', KEYS[2], '?', 'PX', doubt) end end \
    local s = KEYS[3] and redis.call('GET', KEYS[3]) \
    if known and KEYS[3] and s ~= '-' and s ~= '?' then \
    redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[1]) end return 1",
);

/// Parts of [`PUT`]. Times are in milliseconds.
pub(super) struct Put<'a> {
    /// Key of the entry.
    pub(super) key: String,
    /// A session and its entry.
    pub(super) session: Option<(SessionId, String)>,
    pub(super) ttl: i64,
    pub(super) stamp: i64,
    pub(super) payload: Vec<u8>,
    pub(super) doubt: i64,
    pub(super) generation: &'a Generation,
}

impl Put<'_> {
    pub(super) fn command(self) -> Command {
        let (session, entry) = self.session.unzip();
        let keys = [GENERATION.to_owned(), self.key];
        let args = [
            Arg::Int(self.ttl),
            Arg::Int(self.stamp),
            Arg::Bytes(self.payload),
            Arg::Int(self.doubt),
            self.generation.argument(),
        ];
        Command::script(
            &PUT,
            keys.into_iter().chain(session.map(session_key)),
            args.into_iter().chain(entry.map(Arg::from)),
        )
    }
}
