#!lua name=spocr_v2

-- What the gateway calls in Redis (7.0 or newer, or Valkey).
--
-- Each call carries a nonce, and its answer begins with it: a late answer to
-- another call is known by that.  Time is Redis' own, so the clocks of the
-- gateways do not matter.
--
-- The names end in a version, and a change of meaning makes a new one: two
-- releases of the gateway run side by side on one Redis.

local VERSION = 2
local RECORD_MAX = 65536        -- bytes


-- Read once in a call: in Redis 7.0 it goes on while a function runs.

local function now_ms()
    local time = redis.call('TIME')

    return time[1] * 1000 + math.floor(time[2] / 1000)
end


-- A counter is "WINDOW:COUNT".  It counts for the window whose number it
-- names.  Expiry only cleans up: Redis takes a key away a millisecond after
-- its time, so a bare number would still be there when the next window opens.
--
-- What is no such text counts as nothing, and is written over.

local function taken(text, window)
    local number, count = string.match(text or '', '^(%d+):(%d+)$')

    return tonumber(number) == window and tonumber(count) or 0
end


-- KEYS  the counters of the key and of its uid
-- ARGV  nonce, limit of the key, limit of the uid (0: unlimited, not counted),
--       width of the window in ms, and what the gateway knows: the window's
--       number (its lower 24 bits), counts of the key and of the uid
--
-- Takes one from both, or nothing from any.  Answers: nonce, who refuses (1
-- the key, 2 the uid, 3 both), counts of the key and of the uid, ms until the
-- window ends, the window's number.
--
-- A count that a gateway knows of this window is valid where Redis has less:
-- it was lost in a restart, or reached while Redis was away.

local function limit(keys, args)
    local width, now = tonumber(args[4]), now_ms()
    local passed = now % width
    local window = (now - passed) / width
    local known = tonumber(args[5]) == window % 2^24
    local texts = redis.call('MGET', keys[1], keys[2])
    local stored, counts, refused = { 0, 0 }, { 0, 0 }, 0

    for i = 1, 2 do
        local max = tonumber(args[i + 1])

        if max > 0 then
            stored[i] = taken(texts[i], window)
            counts[i] = math.max(stored[i],
                                 known and tonumber(args[i + 5]) or 0)
            if counts[i] >= max then
                refused = refused + i
            end
        end
    end

    for i = 1, 2 do
        if refused == 0 and tonumber(args[i + 1]) > 0 then
            counts[i] = counts[i] + 1
        end

        if counts[i] > stored[i] then
            redis.call('SET', keys[i],
                       string.format('%d:%d', window, counts[i]),
                       'PX', width - passed + 1000)
        end
    end

    return { args[1], refused, counts[1], counts[2], width - passed, window }
end


-- KEYS  records
-- ARGV  nonce
--
-- Answers: nonce, and the value of each key, or nil.  A value that can be no
-- record, of another type or longer than the gateway takes, is an error: it
-- must not look like a key that does not exist.

local function get(keys, args)
    local values = redis.call('MGET', unpack(keys))

    for i, key in ipairs(keys) do
        if not values[i] then
            redis.call('GET', key)      -- MGET is silent about another type

        elseif #values[i] > RECORD_MAX then
            return redis.error_reply('WRONGTYPE a record is too long')
        end
    end

    return { args[1], unpack(values, 1, #keys) }
end


-- Records of claimed requests are hashes:
--
--     s     state: P (it runs), D (done), T (a tombstone)
--     t     token of its owner, 16 bytes
--     f     fingerprint of the request, 32 bytes
--     rid   id of the request
--     n     of P: which attempt it is
--     at    of P: ms when it was claimed, by Redis' clock
--     ld    of P: ms when its lease ends
--     b     of D: the stored answer, sealed
--     st    of T: why there is nothing to replay
--
--     nothing -- claim --> P -- complete --> D or T
--                          P -- release --> nothing
--                          P -- claim, when the lease has ended --> T, or P
--
-- Whoever has not the token changes nothing.  A T that is made of a P keeps
-- the token: its owner may be late, and still know how it ended.

local DAY = 86400000            -- ms
local OVERHEAD = 512            -- bytes of a record, but its answer
local UNKNOWN = 'outcome_unknown'


-- What was written here, or an argument; nothing that only Lua takes for a
-- number, and nothing that is not exact in one.

local function number(text)
    return text and #text <= 15 and tonumber(string.match(text, '^%d+$'))
end


-- A record as a table; nil where there is none, false where it is one that
-- could not have been written here.

local function read(key)
    local v = redis.call('HMGET', key, 's', 't', 'f', 'rid', 'n', 'at', 'ld',
                         'b', 'st')
    local record = { s = v[1], t = v[2], f = v[3], rid = v[4],
                     n = number(v[5]), at = number(v[6]), ld = number(v[7]),
                     b = v[8], st = v[9] }

    if not record.s and redis.call('EXISTS', key) == 0 then
        return nil
    end

    return record.t and #record.t == 16
           and record.f and #record.f == 32
           and record.rid and #record.rid <= 64
           and ((record.s == 'P' and record.n and record.at and record.ld)
                or (record.s == 'D' and record.b)
                or (record.s == 'T' and record.st and #record.st <= 64))
           and record or false
end


-- A record that could not be read again must not be written.

local function check(token, fingerprint, id, ...)
    local good = #token == 16 and #fingerprint == 32 and #id <= 64

    for i = 1, select('#', ...) do
        good = good and select(i, ...)
    end

    if not good then
        error('wrong arguments')
    end
end


local function whole(n)
    return string.format('%.0f', n)
end


-- A record is not forgotten before its lease has ended, and not at once then:
-- a retry has to find it.

local function extend(key, lease)
    redis.call('HSET', key, 'ld', whole(now_ms() + lease))

    if redis.call('PTTL', key) < 2 * lease then
        redis.call('PEXPIRE', key, whole(2 * lease))
    end
end


-- KEYS  the record
-- ARGV  nonce, token, fingerprint, ms of the lease, ms that the record is
--       kept, what becomes of a claim whose lease has ended ("deny", "retry"),
--       id of the request
--
-- Returns what there is, or takes the claim, in one step.  Answers: nonce, and
-- one of
--     NEW, attempt, Redis' time in ms
--     BUSY, ms that are left of the lease, ms since it was claimed, first id
--     DONE, stored answer, first id
--     TOMB, reason, first id
--     MISMATCH, first id
--     BAD
--
-- A claim that is repeated with its own token is the same claim: the answer
-- to the first one was lost.

local function claim(keys, args)
    local nonce, token, fingerprint, id = args[1], args[2], args[3], args[7]
    local lease, ttl = number(args[4]), number(args[5])
    local key, now = keys[1], now_ms()
    local attempt = 1

    check(token, fingerprint, id, lease, ttl)

    local record = read(key)

    if record == false then
        return { nonce, 'BAD' }
    end

    if record then
        if record.f ~= fingerprint then
            return { nonce, 'MISMATCH', record.rid }

        elseif record.s == 'D' then
            return { nonce, 'DONE', record.b, record.rid }

        elseif record.s == 'T' then
            return { nonce, 'TOMB', record.st, record.rid }

        elseif record.t == token then
            extend(key, lease)
            return { nonce, 'NEW', record.n, now }

        elseif record.ld > now then
            return { nonce, 'BUSY', record.ld - now,
                     math.max(now - record.at, 0), record.rid }

        elseif args[6] ~= 'retry' then
            redis.call('HSET', key, 's', 'T', 'st', UNKNOWN)
            return { nonce, 'TOMB', UNKNOWN, record.rid }
        end

        attempt = record.n + 1
    end

    redis.call('HSET', key, 's', 'P', 't', token, 'f', fingerprint, 'rid', id,
               'n', whole(attempt), 'at', whole(now),
               'ld', whole(now + lease))
    redis.call('PEXPIRE', key, whole(math.max(ttl, lease)))

    return { nonce, 'NEW', attempt, now }
end


-- KEYS  the record
-- ARGV  nonce, token, ms of the lease from now on
--
-- Answers: nonce, 1; or 0, where the claim is not the token's any more.

local function renew(keys, args)
    local record, lease = read(keys[1]), number(args[3])

    if not record or record.s ~= 'P' or record.t ~= args[2] then
        return { args[1], 0 }
    end

    extend(keys[1], lease)

    return { args[1], 1 }
end


-- KEYS  the record
-- ARGV  nonce, token
--
-- Surely nothing was executed: a retry may run.  Answers: nonce, 1; or 0, where
-- there was no such claim.

local function release(keys, args)
    local record = read(keys[1])

    if not record or record.s ~= 'P' or record.t ~= args[2] then
        return { args[1], 0 }
    end

    redis.call('DEL', keys[1])

    return { args[1], 1 }
end


-- Whether a uid may store so many bytes more in this window of a day, which
-- are then taken (C-41).  MGET, as in limit(): what is no counter counts as
-- nothing.

local function afford(key, bytes, budget)
    if budget == 0 then
        return true
    end

    local now = now_ms()
    local passed = now % DAY
    local window = (now - passed) / DAY
    local used = taken(redis.call('MGET', key)[1], window) + bytes

    if used > budget then
        return false
    end

    redis.call('SET', key, string.format('%d:%.0f', window, used),
               'PX', whole(DAY - passed + 1000))

    return true
end


-- KEYS  the record, the uid's budget
-- ARGV  nonce, token, fingerprint, ms that it is kept from now on, D or T,
--       reason of a T, stored answer of a D, id of the request, bytes that the
--       uid may store in a day (0: any, not counted)
--
-- Answers: nonce, and one of
--     OK, or RESTORED where the record had vanished
--     BUDGET   there is a tombstone in its place
--     DUP      it was completed before, by this token
--     LOST     the claim is another's: nothing was written

local function complete(keys, args)
    local nonce, token, fingerprint, id = args[1], args[2], args[3], args[8]
    local state, reason, blob = args[5], args[6], args[7]
    local ttl, budget = number(args[4]), number(args[9])
    local key = keys[1]

    check(token, fingerprint, id, ttl, budget, state == 'D' or state == 'T',
          #reason <= 64)

    local record = read(key)
    local answer = record and 'OK' or 'RESTORED'

    if record == false
       or (record and (record.t ~= token or record.f ~= fingerprint))
    then
        return { nonce, 'LOST' }
    end

    if record and record.s ~= 'P' and record.st ~= UNKNOWN then
        return { nonce, 'DUP' }
    end

    if state == 'D' and not afford(keys[2], #blob + OVERHEAD, budget) then
        state, reason, answer = 'T', 'budget', 'BUDGET'
    end

    redis.call('DEL', key)
    redis.call('HSET', key, 's', state, 't', token, 'f', fingerprint,
               'rid', id, state == 'D' and 'b' or 'st',
               state == 'D' and blob or reason)
    redis.call('PEXPIRE', key, whole(ttl))

    return { nonce, answer }
end


-- ARGV  nonce
--
-- Answers: nonce, the version, and Redis' time in ms.

local function hello(_, args)
    return { args[1], VERSION, now_ms() }
end


-- allow-oom: counters are small and short-lived, and a limit that fails when
-- memory is full would fail when it is needed most.

redis.register_function{
    function_name = 'spocr_v2_limit',
    callback = limit,
    flags = { 'allow-oom' },
}

redis.register_function{
    function_name = 'spocr_v2_get',
    callback = get,
    flags = { 'no-writes' },
}

redis.register_function{
    function_name = 'spocr_v2_hello',
    callback = hello,
    flags = { 'no-writes' },
}


-- A claim and an answer take memory, and Redis says when there is none; the
-- end of a claim gives some back.

redis.register_function{
    function_name = 'spocr_v2_claim',
    callback = claim,
}

redis.register_function{
    function_name = 'spocr_v2_renew',
    callback = renew,
    flags = { 'allow-oom' },
}

redis.register_function{
    function_name = 'spocr_v2_complete',
    callback = complete,
}

redis.register_function{
    function_name = 'spocr_v2_release',
    callback = release,
    flags = { 'allow-oom' },
}
