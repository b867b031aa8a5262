-- Sends the bodies of a file one after the other, each connection from another place, and prints one JSON document.
-- wrk … URL -- BODIES PAUSE_MS

local prepared, place, pause = {}, 0, 0

function init(arguments)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for line in io.lines(arguments[1]) do
        prepared[#prepared + 1] = wrk.format(nil, nil, nil, line)
    end
    pause = tonumber(arguments[2])
end

function request()
    place = place % #prepared + 1
    return prepared[place]
end

function delay()
    return pause
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "max_us": %d, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max,
        e.connect + e.read + e.write + e.status + e.timeout))
end
