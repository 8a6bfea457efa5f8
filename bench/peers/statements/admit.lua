-- Session, caller, another user, and the rate (GCRA), in one round trip; as crates/accounts/src/authentication.rs.
-- KEYS: session, caller, another user, rate of the caller, rate of the address.
-- ARGV: limit (0: none), window in milliseconds, the entry of a session that has ended.
-- Gives the three entries, then allowed, remaining, and two times in milliseconds: until the limit is
-- whole again, and until the next request is allowed.
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local rate = found[1] == ARGV[3] and KEYS[5] or KEYS[4]
local allowed, remaining, reset, retry = 1, limit, 0, 0
if limit > 0 then
    local t = redis.call('TIME')
    local now = t[1] * 1000 + t[2] / 1000
    local tat = math.max(tonumber(redis.call('GET', rate) or now), now)
    local later = tat + window / limit
    if later - now > window then
        allowed, remaining, reset, retry = 0, 0, tat - now, later - now - window
    else
        redis.call('SET', rate, string.format('%.3f', later), 'PX', math.ceil(later - now))
        remaining, reset = math.floor((window - later + now) * limit / window), later - now
    end
end
return {found[1], found[2], found[3], allowed, remaining, math.ceil(reset), math.ceil(retry)}
