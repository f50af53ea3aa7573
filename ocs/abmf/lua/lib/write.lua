-- Writes what `settle` and `grant` decided, and what the session keeps of its owner.

-- How what a charge holds of each balance changes.
local function reserves_of(charge)
  local reserves = {}
  for source, amount in pairs(charge.held) do reserves[source] = -amount end
  for source, amount in pairs(charge.hold) do reserves[source] = (reserves[source] or 0) + amount end
  return reserves
end

-- What the session keeps of one service after its entry.
local function update_service(session, charge, waits, number)
  local state, service = charge.state, charge.service or new_service()
  session.services[charge.key] = service
  if charge.ahead and not charge.is_late then
    -- A grant enters its ways: what was asked of them then is not asked again.
    for i = 1, #charge.ahead.parts do
      local each = charge.ahead.parts[i]
      if not state.parts[each.name] then add_part(state, {name = each.name, units = 0, whole = 0, rest = 0}) end
    end
  end
  -- What main money alone paid is what was booked and not lost.
  local first = next(state.taken)
  local is_main = first == 'main' and not next(state.taken, first) and state.taken.main == state.paid
  if first and (service.paid ~= '' or not is_main) then
    local paid = paid_of(service)
    for source, amount in pairs(state.taken) do paid[source] = (paid[source] or 0) + amount end
    service.paid = packed_amounts(paid)
  end
  session.total = session.total + state.booked - service.booked
  service.units, service.booked, service.lost = state.units, state.booked, service.lost + (charge.lost or 0)
  if number > service.newest then service.newest = number end
  service.parts = packed_parts(charge.price, state)
  if not charge.is_late then service.granted = charge.granted end
  if charge.granted > service.largest then service.largest = charge.granted end
  wait(session, service, waits)
  hold(session, service, packed_amounts(charge.hold))
end

-- Puts the charges in the order of their entries: what gives money back comes first, so that after no entry
-- is less than nothing available.
local function order(charges)
  for i, each in ipairs(charges) do
    each.place, each.cost = i, (each.state.taken.main or 0) + (each.hold.main or 0) - (each.held.main or 0)
  end
  table.sort(charges, function(a, b)
    if a.cost ~= b.cost then return a.cost < b.cost end
    return a.place < b.place
  end)
end

-- Moves what one charge took, gave back and holds, and keeps what is to be told of it.
local function write_charge(keys, charge, account, entry)
  local lost, taken, reserves = charge.lost or 0, charge.state.taken, reserves_of(charge)
  local is_moved = charge.used > 0 or lost > 0 or next(taken) ~= nil
  for _, amount in pairs(reserves) do is_moved = is_moved or amount ~= 0 end
  entry.key = charge.key
  if is_moved then
    entry.units, entry.granted = charge.used > 0 and charge.used or 0, charge.granted
    entry.laid, entry.note = packed_laid(charge.state), charge.price.note
    move(account, keys.ledger, entry, lost, taken.main or 0, reserves.main or 0, lost, taken, reserves)
  end
  if charge.clamped then
    keep_usage(keys.ledger, 'usage_clamped', charge.key, charge.clamped, account.id, entry, 'absurd report')
  end
end

-- An entry for each service, and what the session keeps of it. Returns whether a service came to the end of
-- the money that was not there before.
local function write_charges(keys, session, charges, account, entry, number)
  local is_short, all = false, charges
  if #charges > 1 then
    all = copy_of(charges)
    order(all)
  end
  for i = 1, #all do
    local each = all[i]
    local service = each.service
    write_charge(keys, each, account, entry)
    -- Who asks for nothing waits as before: after a redirection the service stands without quota.
    local waits = service and service.waits or false
    if each.requested >= 0 and not each.is_late then
      local is_end = each.final == 1 or each.status == 'no_credit'
      if is_end and not waits then
        is_short = true
        tell(account, 'cut', 'key', each.key, 'time', text(account.now))
      end
      waits = is_end
    end
    -- A service without a price leaves nothing behind: a client may name any number of them.
    if service or #each.price.ways > 0 then update_service(session, each, waits, number) end
  end
  return is_short
end

-- Begins a session. Either key may be there before it: of an orphan, or the answer to a refund.
local function open_session(keys, args, now)
  redis.call('PERSIST', keys.session)
  redis.call('PERSIST', keys.answers)
  return {'state', 'open', 'context', args[6],
    'about', about(args[11], now, args[13], args[10])}
end

-- Notes how long an open session may be silent, and its mark where it is another than `before`: the latest of
-- its validity times counts (RFC 8506, 13). The index of deadlines follows when half of that time is gone; who
-- finds a session there before its deadline puts it right (expire.lua).
local function keep_open(keys, session, args, now, before)
  local supervision, mark = tonumber(args[9]), mark_of(session)
  session.deadline = math.max(now + supervision, session.deadline)
  if session.deadline - session.indexed > supervision / 2 then
    session.indexed = session.deadline
    redis.call('ZADD', keys.due, text(session.deadline), args[10])
  end
  if mark ~= before then redis.call('HSET', keys.open, args[10], mark) end
end
