--[[ Remember a client's Origin-State-Id, and say once that it rose: the client restarted.

  KEYS[1]  origin    string  origin:<digest of Origin-Host>
  ARGV[1]  state_id  integer above 0

  Returns {status, ...}
    first     nothing was known of this client
    raised    it was lower before
    kept      it was the same, or higher: nothing follows from a lower one
]]

-- 31 days: a client that was silent for so long has no session left.
local ORIGIN_SECONDS = 31 * 86400

local function origin(KEYS, ARGV)
  local before, now = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1])

  -- Nothing below may fail.
  if before >= now then
    redis.call('EXPIRE', KEYS[1], text(ORIGIN_SECONDS))
    return {'kept'}
  end
  redis.call('SET', KEYS[1], text(now), 'EX', text(ORIGIN_SECONDS))
  if before == 0 then return {'first'} end
  return {'raised'}
end
