--[[ Debit an event at once: all of its services, or nothing (RFC 8506, 6.3).

  KEYS, ARGV  as in charge.lua; the type is E, the quantity of each charge is what it requests, and
              neither a context nor a supervision time is kept

  Returns {status, ...}
    debited    {status, stored answer, replayed, spent, reserved, written off, available, was open,
               clamped units, other sessions to re-authorise}; a replay ends after the third
    refused    as debited: nothing moved
    foreign    the session is another client's; nothing moved, nothing is told
    mismatch   the number was used with other content
    exists     a session of this name was opened before
    unrated    no service has a price
    stale      {status, version, subscriber}
]]

-- Lays an event: all of it is paid from `free`, or nothing. Each charge is an event of its own, so its
-- axes begin at 0. Returns whether it is paid, and whether money was what it lacked.
local function debit(charges, free, at)
  local is_all, is_short = true, false
  for _, charge in ipairs(charges) do
    charge.status, charge.state = 'settled', state_of(charge, '', 0, 0)
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if charge.requested >= 0 then
      local how = {at = charge.used_at > 0 and charge.used_at or at, tick = 0, is_grant = true}
      if charge.refusal ~= '' then
        charge.status, is_all = charge.refusal, false
      elseif lay(charge, charge.state, free, charge.requested, how) == charge.requested then
        charge.status, charge.granted = 'granted', charge.requested
        local last = charge.state.laid[#charge.state.laid]
        charge.way = last and last.name
      else
        charge.status, is_all, is_short = 'no_credit', false, true
      end
    end
  end
  for _, charge in ipairs(charges) do
    if not is_all then
      charge.state = state_of(charge, '', 0, 0)
      if charge.status == 'granted' then charge.status, charge.granted, charge.way = 'no_credit', 0, nil end
    end
  end
  return is_all, is_short
end

local function event(KEYS, ARGV)
  local now, field = now_of(ARGV[1]), ARGV[2] .. ARGV[3]
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6], ledger = KEYS[7]}
  local at = ARGV[18] == '0' and now or tonumber(ARGV[18])
  local session_id = ARGV[10]
  local charges, sources = parse_charges(ARGV, 20)
  local entry = {kind = 'event', session = session_id, request = field, actor = ARGV[12], reason = 'event'}

  local session = hash_of(keys.session)
  local state = session.state
  if is_foreign(session, ARGV[16], ARGV[12], ARGV[13]) then return {'foreign'} end
  local stored, is_same = recall(keys, field, ARGV[4], charges, ARGV[11], entry)
  if is_same then return {'debited', stored, 1} end
  if stored then return {'mismatch'} end
  if state and state ~= 'orphan' and state ~= 'event' then return {'exists'} end
  local version = redis.call('HGET', KEYS[2], 'version')
  if version and version ~= ARGV[5] then
    return {'stale', version, redis.call('HGET', KEYS[2], 'data')}
  end
  local account = account_of(KEYS[1])
  if not account then return redis.error_reply('NOACCOUNT the event has no account') end
  account.id, account.subscriber, account.now, account.outbox = ARGV[11], ARGV[19], now, KEYS[9]
  if is_unrated(charges) then return {'unrated'} end

  local before, cost = account.spent, 0
  local is_paid, is_short = debit(charges, free_of(account, sources), at)
  local status = 'debited'
  if not is_paid then status = 'refused' end
  local waiting = others(keys.open, session_id, 0, is_short and 'h' or '')

  -- Nothing below may fail.
  local fields = {'id', session_id, 'account', ARGV[11], 'host', ARGV[12], 'realm', ARGV[13]}
  local paid = {}  -- what a refund of this event may give back
  for _, each in ipairs(charges) do
    local key, booked = each.key, each.state.booked
    if each.granted > 0 or booked > 0 then
      entry.key, entry.units, entry.granted = key, each.granted, each.granted
      entry.laid, entry.note = packed_laid(each.state), each.note
      local taken = {}
      for source, amount in pairs(each.state.taken) do taken[source] = -amount end
      move(account, keys.ledger, entry, {spent = each.state.taken.main}, taken, {})
      cost = cost + booked
    end
    if each.status == 'granted' then
      for name, value in pairs({['u:'] = each.granted, ['b:'] = booked}) do
        session[name .. key] = text(tonumber(session[name .. key] or '0') + value)
        fields[#fields + 1], fields[#fields + 2] = name .. key, session[name .. key]
      end
      local parts = {key, text(each.granted), text(booked)}
      for _, source in ipairs(names_of(each.state.taken)) do
        parts[#parts + 1], parts[#parts + 2] = source, text(each.state.taken[source])
      end
      paid[#paid + 1] = table.concat(parts, ' ')
    end
  end
  if #paid > 0 then fields[#fields + 1], fields[#fields + 2] = 'e:' .. ARGV[3], table.concat(paid, ';') end
  redis.call('HSET', keys.session, unpack(fields))
  local available = account.balance - account.reserved - account.floor
  local answer = pack(ARGV[4], status, ARGV[7], cost, available, charges)
  redis.call('HSET', keys.answers, field, answer)
  bury(keys, session_id, 'event')
  return {status, answer, 0, account.spent - before, 0, 0, available, 0, 0, waiting}
end
