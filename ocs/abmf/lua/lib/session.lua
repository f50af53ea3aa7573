-- A session hash holds its owner's names, and for each service key the units used (`u:`), the cost
-- booked (`b:`), the money reserved (`r:`) and whether its client waits for money (`w:`).

-- The hash as a table; an empty table where there is none.
local function hash_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- The service keys of a session, in order, so that entries come in the same order everywhere.
local function services_of(session)
  local services = {}
  for field in pairs(session) do
    if field:sub(1, 2) == 'r:' then services[#services + 1] = field:sub(3) end
  end
  table.sort(services)
  return services
end

-- Gives back what the session still holds, one entry for each service.
local function release_all(session, key, account, ledger, entry)
  for _, service in ipairs(services_of(session)) do
    local held = tonumber(session['r:' .. service])
    if held > 0 then
      entry.key = service
      move(account, ledger, entry, {reserved = -held})
    end
    session['r:' .. service] = '0'
    redis.call('HSET', key, 'r:' .. service, '0')
  end
end

-- Ends a session: out of every index, its tombstone stays for late usage and repeats.
local function bury(keys, session_id, state)
  redis.call('HSET', keys.session, 'state', state)
  redis.call('ZREM', keys.due, session_id)
  redis.call('HDEL', keys.open, session_id)
  redis.call('EXPIRE', keys.session, TOMBSTONE_SECONDS)
  redis.call('EXPIRE', keys.answers, TOMBSTONE_SECONDS)
end
