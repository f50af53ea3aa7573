-- What a request leaves behind besides moved amounts: its stored answer, or a record of its usage.

-- The answer of a request as it is stored for a repeat: content|status|reply|total|available|results.
local function pack(content, status, reply, total, available, charges)
  local found = ('%s|%s|%s|%d|%d|'):format(content, status, reply, total, available)
  for i = 1, #charges do
    local charge = charges[i]
    local laid = charge.granted > 0 and charge.ahead.laid
    local way = laid and laid[#laid].name or '-'
    local result = ('%s %s %d %d %s'):format(charge.key, charge.status, charge.granted, charge.final, way)
    found = found .. (i > 1 and ';' or '') .. result
  end
  return found
end

-- Usage that is not charged is kept for the books: `orphan` where no session takes it,
-- `usage_clamped` where a report was absurd.
local function keep_usage(ledger, kind, key, units, account, entry, reason)
  redis.call('XADD', ledger, '*', 'kind', kind, 'account', account, 'actor', entry.actor,
    'reason', reason, 'session', entry.session, 'request', entry.request,
    'key', key, 'units', text(units))
end

local function keep_orphans(ledger, charges, account, entry, reason)
  for _, charge in ipairs(charges) do
    if charge.used > 0 then
      keep_usage(ledger, 'orphan', charge.key, charge.used, account, entry, reason)
    end
  end
end

-- What was answered to this number before, and whether its content was the same. The usage of a
-- request that only shares the number is kept, once.
local function recall(keys, field, content, charges, account, entry)
  local stored = redis.call('HGET', keys.answers, field)
  if not stored then return nil, false end
  if stored:sub(1, #content + 1) == content .. '|' then return stored, true end
  if redis.call('HSETNX', keys.answers, 'x' .. field .. content, '1') == 1 then
    keep_orphans(keys.ledger, charges, account, entry, 'same number, other content')
  end
  return stored, false
end

-- The answer to a U or T that no session takes: it and the usage are kept, nothing else.
local function keep_stray(keys, field, args, charges, entry, state)
  keep_orphans(keys.ledger, charges, args[11], entry, 'unknown session')
  local answer = pack(args[4], 'unknown', args[7], 0, 0, charges)
  redis.call('HSET', keys.answers, field, answer)
  bury(keys, args[10], state or 'orphan')
  return answer
end
