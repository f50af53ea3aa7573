-- A session hash holds its owner's names, and for each service key the units used (`u:`) and by which
-- ways (`p:`), the cost booked (`b:`), of it what nobody paid (`l:`), what was paid by which balance
-- (`s:`), what is reserved of each (`r:`), the present grant (`q:`), the largest one (`g:`), the highest
-- CC-Request-Number seen (`n:`) and whether its client waits for money (`w:`); `first` is the moment of
-- its first grant, `overdue` the one by which a client with its last units must have asked again.

-- More sessions than this are not re-authorised because of one call.
local OTHERS_AT_MOST = 20

-- The hash as a table; an empty table where there is none.
local function hash_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- Whether the session is another client's: of another host or, where the peer speaks for a realm, of
-- another realm. A Diameter identity is a domain name, so its case says nothing (RFC 6733, 4.3.1).
local function is_foreign(session, scope, actor, realm)
  if not session.state or session.state == 'orphan' then return false end
  if scope == 'realm' then return session.realm:lower() ~= realm:lower() end
  return session.host:lower() ~= actor:lower()
end

-- The service keys of a session, in order, so that entries come in the same order everywhere.
local function services_of(session)
  local services = {}
  for field in pairs(session) do
    if field:sub(1, 2) == 'u:' then services[#services + 1] = field:sub(3) end
  end
  table.sort(services)
  return services
end

-- What the session has cost so far, and its mark among the account's open ones: `w` while one of its
-- services waits for money, `h` while one holds some, `wh`, or `0`.
local function sum_up(session)
  local total, waits, holds = 0, '', ''
  for name, value in pairs(session) do
    local prefix = name:sub(1, 2)
    if prefix == 'b:' then total = total + tonumber(value) end
    if prefix == 'w:' and value == '1' then waits = 'w' end
    if prefix == 'r:' and value ~= '0' then holds = 'h' end
  end
  local mark = waits .. holds
  return total, mark ~= '' and mark or '0'
end

-- The account's open sessions besides `session_id` that carry one of the marks. `own` is how many of
-- those indexed are the caller's: an account with a single session costs no more than the count.
local function others(open, session_id, own, marks)
  local found = {}
  if marks == '' or redis.call('HLEN', open) <= own then return found end
  local flat = redis.call('HGETALL', open)
  for i = 1, #flat, 2 do
    if #found < OTHERS_AT_MOST and flat[i] ~= session_id and flat[i + 1]:find('[' .. marks .. ']') then
      found[#found + 1] = flat[i]
    end
  end
  return found
end

-- The services that `charges` name, as a set.
local function named_by(charges)
  local named = {}
  for _, each in ipairs(charges) do named[each.key] = true end
  return named
end

-- Gives back to `free` what the session holds for services that `charges` do not name.
local function spare_of(session, charges, account, free)
  local named = named_by(charges)
  for _, service in ipairs(services_of(session)) do
    if not named[service] then give_back(account, free, read_amounts(session['r:' .. service])) end
  end
end

-- Gives back what the session still holds, one entry for each service, but for those of `charges`.
local function release_all(session, key, account, ledger, entry, charges)
  local named = named_by(charges or {})
  for _, service in ipairs(services_of(session)) do
    local field = 'r:' .. service
    local held = read_amounts(session[field])
    if not named[service] and next(held) then
      entry.key = service
      local back = {}
      for source, amount in pairs(held) do back[source] = -amount end
      move(account, ledger, entry, {reserved = back.main}, {}, back)
      session[field] = '0'
      redis.call('HSET', key, field, '0')
    end
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

-- What each balance paid for a service. What was written off was paid by nobody.
local function paid_of(session, key)
  if session['s:' .. key] then return read_amounts(session['s:' .. key]) end
  local paid = tonumber(session['b:' .. key] or '0') - tonumber(session['l:' .. key] or '0')
  return paid > 0 and {main = paid} or {}
end
