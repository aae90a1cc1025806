-- The gateway as one writes it with lua-nginx-module: a table of keys, two
-- fixed windows in a shared dict or in Redis, refusals in JSON.
--
--   gateway.load(FILE)         "KEY UID" in each line, read before the fork
--   gateway.local_limits(NAME, KEY, UID, SECONDS)
--   gateway.redis_limits(NAME, KEY, UID, SECONDS, HOST, PORT)
--                              handlers for access_by_lua
--
-- Keys are compared as they are: the table has them in plain text.  Both
-- limits are checked before either is counted, but in the shared dict not in
-- one step: of two workers each may let one pass.  Redis does it in one step,
-- by a script, over connections of the worker's pool; who was refused is
-- refused from the shared dict until the window ends.

local ngx = ngx
local tonumber, match = tonumber, string.match
local floor = math.floor
local counts = ngx.shared.counts

local gateway = {}
local uids = {}

function gateway.load(file)
    for line in io.lines(file) do
        local key, uid = match(line, "^(%S+) (%S+)$")
        uids[key] = uid
    end
end

local bodies = {
    [401] = { "unauthorized", "No valid API key" },
    [403] = { "forbidden", "The API key is not valid" },
    [429] = { "rate_limited", "Rate limit exceeded" },
    [503] = { "unavailable", "Try again later" },
}

local function refuse(status, wait)
    local body = bodies[status]
    local headers = ngx.header

    ngx.status = status
    headers["Content-Type"] = "application/json"
    headers["Cache-Control"] = "no-store"
    if wait then
        headers["Retry-After"] = wait
    end
    local text = '{"error":{"code":"' .. body[1] .. '","message":"' .. body[2]
                 .. '","requestId":"' .. ngx.var.request_id .. '"}}'
    headers["Content-Length"] = #text
    ngx.print(text)
    return ngx.exit(ngx.HTTP_OK)
end

-- The key and its uid, or a status.
local function identify()
    local authorization = ngx.var.http_authorization
    if not authorization then
        return nil, nil, 401
    end
    local key = match(authorization, "^Bearer (%S+)$")
    local uid = key and uids[key]
    if not uid then
        return nil, nil, 403
    end
    return key, uid
end

local function admit(uid)
    local var = ngx.var
    var.uid = uid
    ngx.header["X-Request-Id"] = var.request_id
end

-- The names of both counters, and when their window ends.
local function window_of(name, key, uid, seconds)
    local now = ngx.now()
    local number = floor(now / seconds)
    local left = (number + 1) * seconds - now
    return name .. ":k:" .. number .. ":" .. key,
           name .. ":u:" .. number .. ":" .. uid, left
end

function gateway.local_limits(name, key_limit, uid_limit, seconds)
    return function()
        local key, uid, status = identify()
        if not key then
            return refuse(status)
        end

        local of_key, of_uid, left = window_of(name, key, uid, seconds)
        if (counts:get(of_key) or 0) >= key_limit
           or (counts:get(of_uid) or 0) >= uid_limit
        then
            return refuse(429, floor(left) + 1)
        end
        counts:incr(of_key, 1, 0, left + 1)
        counts:incr(of_uid, 1, 0, left + 1)
        return admit(uid)
    end
end


-- Redis ------------------------------------------------------------------

local script = [[
local k = tonumber(redis.call('GET', KEYS[1]) or 0)
local u = tonumber(redis.call('GET', KEYS[2]) or 0)
if k >= tonumber(ARGV[1]) or u >= tonumber(ARGV[2]) then return 0 end
redis.call('INCR', KEYS[1])
redis.call('INCR', KEYS[2])
if k == 0 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
if u == 0 then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
return 1
]]

local sha

local function bulk(text)
    return "$" .. #text .. "\r\n" .. text .. "\r\n"
end

local function command(...)
    local parts = { "*" .. select("#", ...) .. "\r\n" }
    for i = 1, select("#", ...) do
        parts[i + 1] = bulk(tostring((select(i, ...))))
    end
    return table.concat(parts)
end

local function sha1(text)
    return (ngx.sha1_bin(text):gsub(".", function(c)
        return string.format("%02x", c:byte())
    end))
end

-- 1, 0, or nil: Redis did not say.  The time is as long as the module's is
-- while it is measured: a machine that is busy must not make it refuse.
local function ask(host, port, ...)
    local sock = ngx.socket.tcp()
    sock:settimeouts(2000, 2000, 2000)
    if not sock:connect(host, port, { pool_size = 512 }) then
        return nil
    end

    sock:send(command("EVALSHA", sha, 2, ...))
    local line = sock:receive()
    if line and match(line, "^%-NOSCRIPT") then
        sock:send(command("EVAL", script, 2, ...))
        line = sock:receive()
    end
    local answer = line and match(line, "^:(%d+)$")
    if not answer then
        sock:close()
        return nil
    end
    sock:setkeepalive(60000)
    return tonumber(answer)
end

function gateway.redis_limits(name, key_limit, uid_limit, seconds, host, port)
    sha = sha1(script)
    return function()
        local key, uid, status = identify()
        if not key then
            return refuse(status)
        end

        local of_key, of_uid, left = window_of(name, key, uid, seconds)
        if counts:get(of_key) then
            return refuse(429, floor(left) + 1)
        end
        local answer = ask(host, port, of_key, of_uid, key_limit, uid_limit,
                           floor(left) + 1)
        if not answer then
            return refuse(503)
        end
        if answer == 0 then
            counts:set(of_key, true, left)
            return refuse(429, floor(left) + 1)
        end
        return admit(uid)
    end
end

return gateway
