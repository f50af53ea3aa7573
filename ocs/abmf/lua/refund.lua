--[[ Give back what an event or an ended session took, once, and never more (RFC 8506, 6.4).

  KEYS[1]  account   hash    {partition}:acct:<id>
  KEYS[2]  session   hash    {partition}:sess:<digest>, of what is given back
  KEYS[3]  answers   hash    {partition}:answers:<digest of the refund's own Session-Id>
  KEYS[4]  ledger    stream  {partition}:ledger
  ARGV[1]  number    CC-Request-Number of the refund
  ARGV[2]  content   digest of what a repeat must share
  ARGV[3]  session_id of the refund   ARGV[4] account id   ARGV[5] actor
  ARGV[6]  event     number of the event's request; empty: an ended session as a whole

  Returns {status, ...}
    refunded   {status, units, micros given back by this call, replayed}
    repeated   as refunded: it was given back before
    mismatch   the number was used with other content; nothing moved
    unknown    nothing of that name was paid here, or it is not the actor's; nothing is kept
]]

local ENDED = {event = true, closed = true, refused = true, expired = true}

-- Whether the actor is the session's host or stands in its realm.
local function is_of_session(session, actor)
  local client = client_of(session.client)
  local realm = '.' .. client.realm_name
  actor = actor:lower()
  return actor == client.host_name or actor:sub(-#realm) == realm
end

-- What each service paid, and from which balances: of the named event, or of a session. What was written
-- off was paid by nobody.
local function paid_parts(session, event)
  local parts = {}
  if event ~= '' then
    for each in session.fields['e:' .. event]:gmatch('[^;]+') do
      local key, units, amount, rest = each:match('^([^ ]+) (%d+) (%d+)(.*)$')
      local paid = {}
      for source, taken in rest:gmatch(' ([^ ]+) (%d+)') do paid[source] = tonumber(taken) end
      parts[#parts + 1] = {key = key, units = tonumber(units), amount = tonumber(amount), paid = paid}
    end
  else
    for _, key in ipairs(names_of(session.services)) do
      local service = session.services[key]
      parts[#parts + 1] = {key = key, units = service.units, amount = service.booked - service.lost,
        paid = paid_of(service)}
    end
  end
  return parts
end

-- What of it can go back: no more than the account's sums can count, and nothing to a period that is over.
local function limit_parts(account, parts)
  local room = LIMIT - account.credited
  for _, part in ipairs(parts) do
    local main = part.paid.main or 0
    local back = math.min(main, room)
    room, part.amount, part.paid.main = room - back, part.amount - main + back, back
    for source in pairs(part.paid) do
      local _, _, is_stored = amounts_of(account, source)
      if not is_stored then part.paid[source] = nil end
    end
  end
end

local function refund(KEYS, ARGV)
  local session, field, content = whole_session(KEYS[2]), 'E' .. ARGV[1], ARGV[2] .. '|'
  if not ENDED[session.state or ''] then return {'unknown'} end
  local account_id, session_id = session.fields.about:match('^([^\n]*)\n[^\n]*\n[^\n]*\n(.*)$')
  if account_id ~= ARGV[4] or not is_of_session(session, ARGV[5]) then return {'unknown'} end
  -- An event is named by its number, a session as a whole.
  local is_event = session.state == 'event'
  if is_event ~= (ARGV[6] ~= '') or (is_event and not session.fields['e:' .. ARGV[6]]) then return {'unknown'} end
  local stored = redis.call('HGET', KEYS[3], field)
  if stored then
    local is_same = stored:sub(1, #content) == content
    local word, units = stored:sub(#content + 1):match('^(%l+)|(%d+)$')
    if is_same and word == 'refunded' then return {'refunded', units, 0, 1} end
    if is_same and word == 'repeated' then return {'repeated', units, 0, 1} end
    return {'mismatch'}
  end
  local account = account_of(KEYS[1])
  if not account then return redis.error_reply('NOACCOUNT the session has no account') end
  account.id = ARGV[4]
  local units, amount, done = 0, 0, 'refunded' .. ARGV[6]
  local parts = paid_parts(session, ARGV[6])
  limit_parts(account, parts)
  for _, part in ipairs(parts) do
    units, amount = units + part.units, amount + part.amount
  end
  if units == 0 and amount == 0 then return {'unknown'} end
  -- The answers of an open session stay as long as it does.
  local is_kept = redis.call('TTL', KEYS[3]) == -1

  -- Nothing below may fail.
  local status = 'refunded'
  if session.fields[done] then status = 'repeated' end
  if status == 'repeated' then
    units, amount = session.fields[done], 0
  else
    local entry = {kind = 'refund', session = ARGV[3], request = field, actor = ARGV[5]}
    entry.reason = 'refund of ' .. session_id
    for _, part in ipairs(parts) do
      if part.units > 0 or part.amount > 0 then
        entry.key, entry.units = part.key, part.units
        local taken = {}
        for source, amount in pairs(part.paid) do taken[source] = -amount end
        move(account, KEYS[4], entry, part.paid.main or 0, 0, 0, 0, taken, {})
      end
    end
    keep_account(account)
    units = text(units)
    redis.call('HSET', KEYS[2], done, units)
  end
  redis.call('HSET', KEYS[3], field, content .. status .. '|' .. units)
  -- As long as a repeat may come, so does its answer.
  redis.call('EXPIRE', KEYS[2], text(TOMBSTONE_SECONDS))
  if not is_kept then redis.call('EXPIRE', KEYS[3], text(TOMBSTONE_SECONDS)) end
  return {status, units, amount, 0}
end
