-- A session hash holds its `state`; `about`, what never changes: account, when it was opened, its client's
-- Origin-State-Id and its Session-Id; the `context`; the `client` of its newest request (client.lua);
-- its `standing` (STANDING); `overdue`, by when a client with its last units must have asked again; `cut`; and
-- for each service key `s:<key>` (service.lua).

-- Its deadline, the one by which the index of deadlines knows it, the moment of its first grant, what it has
-- cost, how many of its services wait for money, how many hold some.
local STANDING = '%d %d %d %d %d %d'

local function about(account, started, state_id, session_id)
  return account .. '\n' .. text(started) .. '\n' .. state_id .. '\n' .. session_id
end

-- The hash as a table; an empty table where there is none.
local function hash_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function new_session(state, client, standing, cut, overdue)
  local deadline, indexed, first, total, waits, holds =
    (standing or '0 0 0 0 0 0'):match('(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)')
  return {
    state = state, client = client, cut = cut, overdue = overdue and tonumber(overdue), services = {},
    deadline = tonumber(deadline), indexed = tonumber(indexed), first = tonumber(first), total = tonumber(total),
    waits = tonumber(waits), holds = tonumber(holds), fields = false,
  }
end

-- The session with the services that `charges` name.
local function session_for(key, charges)
  local names = {'state', 'client', 'standing', 'cut', 'overdue'}
  for i = 1, #charges do names[5 + i] = 's:' .. charges[i].key end
  local found = redis.call('HMGET', key, unpack(names))
  local session = new_session(found[1], found[2], found[3], found[4], found[5])
  for i = 1, #charges do
    local packed = found[5 + i]
    if packed then session.services[charges[i].key] = read_service(packed) end
  end
  return session
end

-- The session with all of its services; `fields` is its hash.
local function whole_session(key)
  local found = hash_of(key)
  local session = new_session(found.state, found.client, found.standing, found.cut, found.overdue)
  session.fields = found
  for name, packed in pairs(found) do
    if name:sub(1, 2) == 's:' then session.services[name:sub(3)] = read_service(packed) end
  end
  return session
end

-- Reads the services that were not read yet.
local function complete(session, key)
  if session.fields or session.holds == 0 then return end
  for name, service in pairs(whole_session(key).services) do
    session.services[name] = session.services[name] or service
  end
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
  for key, service in pairs(session.services) do
    if not named[key] then give_back(account, free, read_amounts(service.held)) end
  end
end

-- The entry of a request, of what its end gives back.
local function ending_of(entry)
  return {kind = 'release', session = entry.session, request = entry.request, actor = entry.actor,
    reason = 'session ended'}
end

-- Gives back what the session still holds, one entry for each service, but for those of `charges`.
local function release_all(session, account, ledger, entry, charges)
  local named = named_by(charges or {})
  for _, key in ipairs(names_of(session.services)) do
    local service = session.services[key]
    local held = read_amounts(service.held)
    if not named[key] and next(held) then
      entry.key = key
      local back = {}
      for source, amount in pairs(held) do back[source] = -amount end
      move(account, ledger, entry, 0, 0, back.main or 0, 0, {}, back)
      hold(session, service, '0')
    end
  end
end

-- Writes what has changed of a session, besides `fields`.
local function keep_session(key, session, fields)
  for name, service in pairs(session.services) do
    if service.is_changed then fields[#fields + 1], fields[#fields + 2] = 's:' .. name, packed_service(service) end
  end
  fields[#fields + 1], fields[#fields + 2] = 'standing', STANDING:format(session.deadline, session.indexed,
    session.first, session.total, session.waits, session.holds)
  redis.call('HSET', key, unpack(fields))
end

-- Ends a session: out of every index, its tombstone stays for late usage and repeats.
local function bury(keys, session_id, state)
  redis.call('HSET', keys.session, 'state', state)
  redis.call('ZREM', keys.due, session_id)
  redis.call('HDEL', keys.open, session_id)
  redis.call('EXPIRE', keys.session, TOMBSTONE_SECONDS)
  redis.call('EXPIRE', keys.answers, TOMBSTONE_SECONDS)
end
