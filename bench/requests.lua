-- What wrk sends: a GET for each key in turn, so that no cache of a single
-- key flatters anybody.  All requests are made before the first is sent.
--
--   wrk ... -s bench/requests.lua URL -- PATH@FILE [PATH@FILE]...
--
-- FILE has a key per line; "-" is a request without one.  Several PATH@FILE
-- are taken in turn.  The last line printed is for Bench::Speed.

local requests = {}
local n = 0

local function read_keys(file)
    local keys = {}
    for line in io.lines(file) do
        keys[#keys + 1] = line
    end
    return keys
end

local function format(path, key)
    local headers = { ["Accept"] = "application/json" }
    if key ~= "-" then
        headers["Authorization"] = "Bearer " .. key
    end
    return wrk.format("GET", path, headers)
end

function init(args)
    local paths, lists, longest = {}, {}, 0

    for i = 1, #args do
        local path, file = args[i]:match("^([^@]+)@(.+)$")
        paths[i], lists[i] = path, read_keys(file)
        longest = math.max(longest, #lists[i])
    end

    for k = 0, longest - 1 do
        for i = 1, #args do
            local key = lists[i][k % #lists[i] + 1]
            requests[#requests + 1] = format(paths[i], key)
        end
    end
end

function request()
    n = n % #requests + 1
    return requests[n]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        "bench: requests=%d us=%d refused=%d broken=%d p50=%d p99=%d\n",
        summary.requests, summary.duration, e.status,
        e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
