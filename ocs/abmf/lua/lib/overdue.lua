-- Clients that were given their last units, and by when they must have asked again or ended.

-- What the charges of one service are granted together; what stands behind its key tells them apart.
local function granted_to(charges, key)
  local service, sum = key:match('^[^<>~$@]*'), 0
  for _, each in ipairs(charges) do
    if each.key:match('^[^<>~$@]*') == service then sum = sum + each.granted end
  end
  return sum
end

-- By when the client must ask again, as text: where a service is given its last units, the earliest
-- moment at which they and its grace are over. nil where none is, or none is watched.
local function overdue_of(charges, now)
  local first
  for i = 1, #charges do
    local charge = charges[i]
    if charge.price.grace > 0 and (charge.final == 1 or charge.status == 'no_credit') then
      local granted = granted_to(charges, charge.key)
      if granted > 0 then
        local at = now + charge.price.grace + (charge.price.unit == 'seconds' and granted * 1000 or 0)
        first = math.min(first or at, at)
      end
    end
  end
  return first and text(first)
end

-- Notes by when the client must ask again, or nil: it has asked, or has ended. Costs a call only where
-- a moment is set or was.
local function expect(keys, session, session_id, overdue)
  if overdue then
    redis.call('ZADD', keys.overdue, overdue, session_id)
    redis.call('HSET', keys.session, 'overdue', overdue)
  elseif session.overdue then
    redis.call('ZREM', keys.overdue, session_id)
    redis.call('HDEL', keys.session, 'overdue')
  end
end
