#!lua name=spocr_v1

-- What the gateway calls in Redis (7.0 or newer, or Valkey).
--
-- Each call carries a nonce, and its answer begins with it: a late answer to
-- another call is known by that.  Time is Redis' own, so the clocks of the
-- gateways do not matter.
--
-- The names end in a version, and a change of meaning makes a new one: two
-- releases of the gateway run side by side on one Redis.

local VERSION = 1
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


-- ARGV  nonce
--
-- Answers: nonce, the version, and Redis' time in ms.

local function hello(_, args)
    return { args[1], VERSION, now_ms() }
end


-- allow-oom: counters are small and short-lived, and a limit that fails when
-- memory is full would fail when it is needed most.

redis.register_function{
    function_name = 'spocr_v1_limit',
    callback = limit,
    flags = { 'allow-oom' },
}

redis.register_function{
    function_name = 'spocr_v1_get',
    callback = get,
    flags = { 'no-writes' },
}

redis.register_function{
    function_name = 'spocr_v1_hello',
    callback = hello,
    flags = { 'no-writes' },
}
