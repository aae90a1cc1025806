-- What wrk sends: a request for each key in turn, so that no cache of a single
-- key flatters anybody.
--
--   wrk ... -s bench/requests.lua URL -- TARGET [TARGET]...
--
-- A TARGET is PATH@FILE[@OPTION]...; several are taken in turn.  FILE has a
-- key per line, all of one length; "-" is a request without one.  Of a file
-- with more than 20,000 lines as many are taken, by chance.  Options:
--
--   body=N            a POST with a body of N bytes
--   first=PREFIX      and an Idempotency-Key, each time another one
--   replay=PREFIX/N   likewise, of N that begin anew after the last
--
-- The last line printed is for Bench::Speed.

local most = 20000
local requests = {}
local n = 0

-- Without keys of requests all are made before the first one is sent.
local next_request = function()
    n = n % #requests + 1
    return requests[n]
end

local function read_keys(file)
    local keys = {}
    local f = assert(io.open(file))
    local width = #f:read("*l") + 1
    local count = f:seek("end") / width
    math.randomseed(os.time() + count)

    for i = 1, math.min(count, most) do
        local at = count > most and math.random(0, count - 1) or i - 1
        f:seek("set", at * width)
        keys[i] = f:read("*l")
    end
    f:close()
    return keys
end

local function read_target(text)
    local target = {}
    for part in text:gmatch("[^@]+") do
        local name, value = part:match("^(%l+)=(.*)$")
        target[name or #target + 1] = value or part
    end
    target.keys = read_keys(target[2])
    return target
end

-- The request's bytes.
local function format(target, key, repeated)
    local headers = { ["Accept"] = "application/json" }
    if key ~= "-" then
        headers["Authorization"] = "Bearer " .. key
    end
    if repeated then
        headers["Idempotency-Key"] = repeated
    end
    if not target.body then
        return wrk.format("GET", target[1], headers)
    end
    headers["Content-Type"] = "application/octet-stream"
    return wrk.format("POST", target[1], headers,
                      string.rep("x", tonumber(target.body)))
end

-- With keys of requests: around the place of two of them the bytes of each
-- key's request stay the same, so that the client has little to do.  A uid's
-- keys of requests belong to the uid: a replay takes the same API key again.
local function keyed(target)
    local prefix, count =
        (target.first or target.replay):match("^([^/]+)/?(%d*)$")
    local before, after = {}, {}
    for i, key in ipairs(target.keys) do
        local text = format(target, key, "@")
        local at = text:find("@", 1, true)
        before[i], after[i] = text:sub(1, at - 1), text:sub(at + 1)
    end
    count = tonumber(count) or 2 ^ 40
    return function()
        n = n % count + 1
        local i = (n - 1) % #before + 1
        return before[i] .. prefix .. n .. after[i]
    end
end

function init(args)
    local targets, longest = {}, 0

    for i = 1, #args do
        targets[i] = read_target(args[i])
        longest = math.max(longest, #targets[i].keys)
    end
    if targets[1].first or targets[1].replay then
        next_request = keyed(targets[1])
        return
    end

    for k = 0, longest - 1 do
        for _, target in ipairs(targets) do
            local key = target.keys[k % #target.keys + 1]
            requests[#requests + 1] = format(target, key)
        end
    end
end

function request()
    return next_request()
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        "bench: requests=%d us=%d refused=%d broken=%d p50=%d p99=%d\n",
        summary.requests, summary.duration, e.status,
        e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
