#!lua name=spocr_v1

-- The gateway's functions in Redis 7.0 or newer, or Valkey.
--
-- Each call carries a nonce, which the answer repeats first.  Time is Redis'
-- own (TIME is read once in a call, and does not change during it), so the
-- clocks of the gateways do not matter.  Names end in a version, and a change
-- of meaning makes a new one: two releases can run side by side.

local VERSION = 1

-- A key expires only when now is past its time, and that is a millisecond
-- late: so the window's number stands in the value, and what is compared.

local function now_ms()
    local t = redis.call('TIME')

    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end


-- How many were taken in the window: what is stored, or what a gateway was
-- told in this same window before a Redis lost it.

local function taken(key, window, told)
    local value = redis.call('GET', key)
    local number, count

    if value then
        number, count = string.match(value, '^(%d+):(%d+)$')
    end

    if tonumber(number) ~= window then
        return told
    end

    return math.max(tonumber(count), told)
end


-- KEYS  the counters of the key and of its uid
-- ARGV  nonce, limit of the key, limit of the uid (0: none), width in ms,
--       the window that the gateway knows of, its counts of key and uid
--
-- Takes one of both, or nothing of any: nonce, levels that refuse (1 the key,
-- 2 the uid), both counts, ms left of the window, the window's number

local function limit(keys, args)
    local now = now_ms()
    local width = tonumber(args[4])
    local window = math.floor(now / width)
    local left = width - now % width
    local told = tonumber(args[5]) == window % 16777216
    local counts, refused = {}, 0

    for i = 1, 2 do
        local max = tonumber(args[1 + i])

        if max > 0 then
            counts[i] = taken(keys[i], window,
                              told and tonumber(args[5 + i]) or 0)
            if counts[i] >= max then
                refused = refused + i
            end
        end
    end

    for i = 1, 2 do
        if refused == 0 and counts[i] then
            counts[i] = counts[i] + 1
            redis.call('SET', keys[i],
                       string.format('%.0f:%.0f', window, counts[i]),
                       'PX', left + 1000)
        end
    end

    return { args[1], refused, counts[1] or 0, counts[2] or 0, left, window }
end


-- ARGV  nonce
--
-- The values of all KEYS

local function get(keys, args)
    local values = redis.call('MGET', unpack(keys))

    return { args[1], unpack(values, 1, #keys) }
end


-- ARGV  nonce
--
-- nonce, the library's version, Redis TIME in ms

local function hello(_, args)
    return { args[1], VERSION, now_ms() }
end


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
