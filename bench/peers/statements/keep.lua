-- Keeps a user unless a later state is there, and a session unless it has ended.
-- KEYS: user, session (may be missing). ARGV: TTL in milliseconds, stamp, user as JSON, session entry.
local current = redis.call('GET', KEYS[1])
local stamp = current and tonumber(string.match(current, '^(%d+):'))
if not (stamp and stamp > tonumber(ARGV[2])) then
    redis.call('SET', KEYS[1], ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[1])
end
if KEYS[2] and redis.call('GET', KEYS[2]) ~= '-' then
    redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[1])
end
return 1
