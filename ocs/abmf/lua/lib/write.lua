-- Writes what `settle` and `grant` decided, and what the session keeps of its owner.

-- How what a charge holds of each balance changes.
local function reserves_of(charge)
  local reserves = {}
  for source, amount in pairs(charge.held) do reserves[source] = -amount end
  for source, amount in pairs(charge.hold) do reserves[source] = (reserves[source] or 0) + amount end
  return reserves
end

-- The fields of one service after its entry.
local function fields_of(charge, session, waits)
  local key, state = charge.key, charge.state
  if charge.ahead then
    -- A grant enters its ways: what was asked of them then is not asked again.
    for _, each in ipairs(charge.ahead.parts) do
      if not state.of[each.name] and not charge.is_late then
        state.parts[#state.parts + 1] = {name = each.name, units = 0, whole = 0, rest = 0}
      end
    end
  end
  local fields = {'u:' .. key, text(state.units), 'b:' .. key, text(state.booked),
    'p:' .. key, packed_parts(charge, state), 'r:' .. key, packed_amounts(charge.hold), 'w:' .. key, waits,
    'n:' .. key, text(charge.newest)}
  local function keep(name, value) fields[#fields + 1], fields[#fields + 2] = name .. key, text(value) end
  if not charge.is_late then keep('q:', charge.granted) end
  if charge.granted > 0 then
    keep('g:', math.max(charge.granted, tonumber(session['g:' .. key] or '0')))
  end
  if charge.lost > 0 then keep('l:', charge.lost + tonumber(session['l:' .. key] or '0')) end
  -- What main money alone paid is what was booked and not lost.
  local first = next(state.taken)
  local is_main = first == 'main' and not next(state.taken, first) and state.taken.main == state.paid
  if first and (session['s:' .. key] or not is_main) then
    local paid = paid_of(session, key)
    for source, amount in pairs(state.taken) do paid[source] = (paid[source] or 0) + amount end
    fields[#fields + 1], fields[#fields + 2] = 's:' .. key, packed_amounts(paid)
  end
  return fields
end

-- An entry for each service, and its fields. Returns whether a service came to the end of the money that
-- was not there before.
local function write_charges(keys, session, charges, account, entry)
  local is_short, order = false, {}
  -- What gives money back comes first: after no entry is less than nothing available.
  for i, each in ipairs(charges) do
    order[i], each.place, each.reserves = each, i, reserves_of(each)
    each.cost = (each.state.taken.main or 0) + (each.reserves.main or 0)
  end
  table.sort(order, function(a, b)
    if a.cost ~= b.cost then return a.cost < b.cost end
    return a.place < b.place
  end)
  for _, each in ipairs(order) do
    local key, lost, taken, is_moved = each.key, each.lost, {}, each.used > 0 or each.lost > 0
    for source, amount in pairs(each.state.taken) do taken[source], is_moved = -amount, true end
    for _, amount in pairs(each.reserves) do is_moved = is_moved or amount ~= 0 end
    entry.key, entry.units, entry.granted = key, math.max(each.used, 0), each.granted
    entry.laid, entry.note = packed_laid(each.state), each.note
    if is_moved then
      local moved = {spent = -(taken.main or 0), reserved = each.reserves.main, written_off = lost,
        credited = lost}
      move(account, keys.ledger, entry, moved, taken, each.reserves)
    end
    if each.clamped > 0 then
      keep_usage(keys.ledger, 'usage_clamped', key, each.clamped, account.id, entry, 'absurd report')
    end
    -- Who asks for nothing waits as before: after a redirection the service stands without quota.
    local waits = session['w:' .. key] or '0'
    if each.requested >= 0 and not each.is_late then
      local is_end = each.final == 1 or each.status == 'no_credit'
      if is_end and waits == '0' then
        is_short = true
        tell(account, 'cut', 'key', key, 'time', text(account.now))
      end
      waits = is_end and '1' or '0'
    end
    -- A service without a price leaves nothing behind: a client may name any number of them.
    if #each.ways > 0 or session['u:' .. key] then
      local fields = fields_of(each, session, waits)
      redis.call('HSET', keys.session, unpack(fields))
      for i = 1, #fields, 2 do session[fields[i]] = fields[i + 1] end
    end
  end
  return is_short
end

-- Begins a session. Either key may be there before it: of an orphan, or the answer to a refund.
local function open_session(keys, args, now)
  redis.call('PERSIST', keys.session)
  redis.call('PERSIST', keys.answers)
  redis.call('HSET', keys.session, 'state', 'open', 'id', args[10], 'account', args[11],
    'context', args[6], 'started', text(now), 'realm', args[13], 'state_id', args[17])
end

-- Notes who has an open session now, and how long it may be silent: the latest of its validity times
-- counts (RFC 8506, 13).
local function keep_open(keys, session, args, now, mark, overdue)
  local deadline = text(math.max(now + tonumber(args[9]), tonumber(session.deadline or '0')))
  redis.call('HSET', keys.session, 'host', args[12], 'peer', args[14], 'owner', args[15],
    'deadline', deadline)
  redis.call('ZADD', keys.due, deadline, args[10])
  redis.call('HSET', keys.open, args[10], mark)
  expect(keys, session, args[10], overdue)
end
