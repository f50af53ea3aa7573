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

-- Prices an event: all of it is paid from `free`, or nothing. Each is an event of its own, so its axis
-- begins at 0. Returns whether it is paid, and whether money was what it lacked.
local function debit(charges, free)
  local is_paid, is_short = true, false
  for _, charge in ipairs(charges) do
    charge.status, charge.owed = 'settled', 0
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if charge.requested >= 0 then
      if charge.refusal ~= '' then
        charge.status, is_paid = charge.refusal, false
      elseif can_pay(charge, 0, charge.requested, free) then
        charge.status, charge.granted = 'granted', charge.requested
        charge.owed = rounded(charge, charge.requested)
        free = free - charge.owed
      else
        charge.status, is_paid, is_short = 'no_credit', false, true
      end
    end
  end
  for _, charge in ipairs(charges) do
    if not is_paid and charge.status == 'granted' then
      charge.status, charge.granted, charge.owed = 'no_credit', 0, 0
    end
  end
  return is_paid, is_short
end

local function event(KEYS, ARGV)
  local now, field = now_of(ARGV[1]), ARGV[2] .. ARGV[3]
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6], ledger = KEYS[7]}
  local session_id, charges = ARGV[10], parse_charges(ARGV, 19)
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
  account.id = ARGV[11]
  if is_unrated(charges) then return {'unrated'} end

  local before = account.spent
  local is_paid, is_short = debit(charges, account.balance - account.reserved)
  local status = 'debited'
  if not is_paid then status = 'refused' end
  local waiting = others(keys.open, session_id, 0, is_short and 'h' or '')

  -- Nothing below may fail.
  local fields = {'id', session_id, 'account', ARGV[11], 'host', ARGV[12], 'realm', ARGV[13]}
  local paid = {}  -- what a refund of this event may give back
  for _, each in ipairs(charges) do
    if each.granted > 0 or each.owed > 0 then
      entry.key, entry.units, entry.granted = each.key, each.granted, each.granted
      move(account, keys.ledger, entry, {spent = each.owed})
    end
    if each.status == 'granted' then
      local units, booked = 'u:' .. each.key, 'b:' .. each.key
      session[units] = text(tonumber(session[units] or '0') + each.granted)
      session[booked] = text(tonumber(session[booked] or '0') + each.owed)
      for _, value in ipairs({units, session[units], booked, session[booked]}) do
        fields[#fields + 1] = value
      end
      paid[#paid + 1] = table.concat({each.key, text(each.granted), text(each.owed)}, ' ')
    end
  end
  if #paid > 0 then fields[#fields + 1], fields[#fields + 2] = 'e:' .. ARGV[3], table.concat(paid, ';') end
  redis.call('HSET', keys.session, unpack(fields))
  local available, cost = account.balance - account.reserved, account.spent - before
  local answer = pack(ARGV[4], status, ARGV[7], cost, available, charges)
  redis.call('HSET', keys.answers, field, answer)
  bury(keys, session_id, 'event')
  return {status, answer, 0, cost, 0, 0, available, 0, 0, waiting}
end
