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
local function debit(charges, free, at, floor)
  local is_all, is_short = true, false
  for _, charge in ipairs(charges) do
    charge.state = new_state(0, 0)
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if charge.requested >= 0 then
      local moment = charge.used_at > 0 and charge.used_at or at
      if charge.refusal ~= '' then
        charge.status, is_all = charge.refusal, false
      elseif lay(charge.price, charge.state, free, charge.requested, moment, 'event', floor)
          == charge.requested then
        charge.status, charge.granted, charge.ahead = 'granted', charge.requested, charge.state
      else
        charge.status, is_all, is_short = 'no_credit', false, true
      end
    end
  end
  for _, charge in ipairs(charges) do
    if not is_all then
      charge.state = new_state(0, 0)
      if charge.status == 'granted' then charge.status, charge.granted = 'no_credit', 0 end
    end
  end
  return is_all, is_short
end

-- What each service paid: "key units amount balance amount ...;", as a refund reads it.
local function packed_paid(charges)
  local paid = {}
  for _, each in ipairs(charges) do
    if each.status == 'granted' then
      local parts = {each.key, text(each.granted), text(each.state.booked)}
      for _, source in ipairs(names_of(each.state.taken)) do
        parts[#parts + 1], parts[#parts + 2] = source, text(each.state.taken[source])
      end
      paid[#paid + 1] = table.concat(parts, ' ')
    end
  end
  return table.concat(paid, ';')
end

local function event(KEYS, ARGV)
  local now, field, session_id = now_of(ARGV[1]), ARGV[2] .. ARGV[3], ARGV[10]
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6], ledger = KEYS[7]}
  local at = ARGV[14] == '0' and now or tonumber(ARGV[14])
  local charges, sources = parse_charges(ARGV, 16)
  local entry = {kind = 'event', session = session_id, request = field, actor = client_of(ARGV[12]).host,
    reason = 'event'}

  local session = session_for(keys.session, {})
  local state = session.state
  if is_foreign(session, ARGV[12]) then return {'foreign'} end
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
  introduce(account, ARGV, now, KEYS[9], sources)
  if is_unrated(charges) then return {'unrated'} end

  local before, seq, cost = account.spent, account.seq, 0
  local is_paid, is_short = debit(charges, free_of(account, sources), at, sources.floor)
  local status = 'debited'
  if not is_paid then status = 'refused' end
  local waiting = others(account, keys.open, session_id, 0, is_short and 'h' or '')

  -- Nothing below may fail.
  for _, each in ipairs(charges) do
    if each.granted > 0 or each.state.booked > 0 then
      entry.key, entry.units, entry.granted = each.key, each.granted, each.granted
      entry.laid, entry.note = packed_laid(each.state), each.price.note
      local taken = each.state.taken
      move(account, keys.ledger, entry, 0, taken.main or 0, 0, 0, taken, {})
      cost = cost + each.state.booked
    end
  end
  if account.seq ~= seq then keep_account(account) end
  local fields = {'about', about(ARGV[11], now, ARGV[13], session_id), 'client', ARGV[12]}
  local paid = packed_paid(charges)
  if paid ~= '' then fields[#fields + 1], fields[#fields + 2] = 'e:' .. ARGV[3], paid end
  redis.call('HSET', keys.session, unpack(fields))
  local available = account.balance - account.reserved - sources.floor
  local answer = pack(ARGV[4], status, ARGV[7], cost, available, charges)
  redis.call('HSET', keys.answers, field, answer)
  bury(keys, session_id, 'event')
  return {status, answer, 0, account.spent - before, 0, 0, available, 0, 0, waiting}
end
