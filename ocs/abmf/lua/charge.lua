--[[ Settle used units, release what is left, reserve the next quota: all services of one CCR.

  KEYS[1]  account   hash    {partition}:acct:<id>; not read where the session is unknown
  KEYS[2]  subscriber hash   {partition}:sub:<id>
  KEYS[3]  session   hash    {partition}:sess:<digest of Session-Id>
  KEYS[4]  answers   hash    {partition}:answers:<digest of Session-Id>
  KEYS[5]  open      hash    {partition}:open:<account>, Session-Id -> "1" while it waits for money
  KEYS[6]  due       zset    {partition}:due, Session-Id by deadline
  KEYS[7]  ledger    stream  {partition}:ledger
  ARGV[1]  now_ms    integer, UTC milliseconds; 0 = the store's own TIME (always, outside tests)
  ARGV[2]  type      I, U or T
  ARGV[3]  number    CC-Request-Number, with ":" CC-Sub-Session-Id where there is one
  ARGV[4]  content   digest of what a repeat must share
  ARGV[5]  version   of the subscriber the plan was made from
  ARGV[6]  context   opaque, kept beside the session by an I
  ARGV[7]  reply     opaque, kept with the answer
  ARGV[8]  whole     1 = no grant at all ends the session
  ARGV[9]  supervision_ms
  ARGV[10] session_id  ARGV[11] account id  ARGV[12] actor  ARGV[13] realm  ARGV[14] peer  ARGV[15] owner
  ARGV[16] count of charges, each: key, used (-1: no report), requested (-1: no quota wanted),
           refusal, mode, quantum, denominator, count of legs, each: start, stop, step, price, entry

  Returns {status, ...}
    charged    {status, stored answer, replayed, spent, reserved, written off, available, was open}
    closed     as charged
    refused    as charged: no grant; the session ended
    unknown    as charged: no such session; the usage is kept as an orphan entry
    late       as charged: the session had ended; the usage is debited
    mismatch   the number was used with other content; its usage is kept as an orphan entry
    exists     the session is open already
    unrated    no service of this I has a price
    stale      {status, version, subscriber}
]]

local function charge(KEYS, ARGV)
  local now, kind, field = now_of(ARGV[1]), ARGV[2], ARGV[2] .. ARGV[3]
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6]}
  local ledger, session_id = KEYS[7], ARGV[10]
  local charges = parse_charges(ARGV, 16)
  local entry = {kind = 'charge', session = session_id, request = field, actor = ARGV[12], reason = 'usage'}

  local stored = redis.call('HGET', keys.answers, field)
  if stored and stored:sub(1, #ARGV[4]) == ARGV[4] then return {'charged', stored, 1, 0, 0, 0, 0, 0} end
  if stored then
    if redis.call('HSETNX', keys.answers, 'x' .. field .. ARGV[4], '1') == 1 then
      entry.reason = 'same number, other content'
      keep_orphans(ledger, charges, ARGV[11], entry)
    end
    return {'mismatch'}
  end
  local session = hash_of(keys.session)
  local state = session.state
  if kind == 'I' and state and state ~= 'orphan' then return {'exists'} end
  if kind ~= 'I' and (not state or state == 'orphan') then
    entry.reason = 'unknown session'
    keep_orphans(ledger, charges, ARGV[11], entry)
    for _, each in ipairs(charges) do each.status = 'settled' end
    local answer = pack(ARGV[4], 'unknown', ARGV[7], 0, charges)
    redis.call('HSET', keys.answers, field, answer)
    bury(keys, session_id, 'orphan')
    return {'unknown', answer, 0, 0, 0, 0, 0, 0}
  end
  local version = redis.call('HGET', KEYS[2], 'version')
  if version and version ~= ARGV[5] then
    return {'stale', version, redis.call('HGET', KEYS[2], 'data')}
  end
  local account = account_of(KEYS[1])
  if not account then return redis.error_reply('NOACCOUNT the session has no account') end
  account.id = ARGV[11]
  local is_unrated = kind == 'I' and #charges > 0
  for _, each in ipairs(charges) do is_unrated = is_unrated and each.refusal == 'rating_failed' end
  if is_unrated then return {'unrated'} end

  local is_open = kind == 'I' or state == 'open'
  local free = settle(charges, session, account.balance - account.reserved, LIMIT - account.credited)
  local _, is_asked, is_granted = grant(charges, free, is_open and kind ~= 'T', session.cut)
  local status = 'charged'
  if not is_open then status = (state == 'refused' and kind == 'T') and 'closed' or 'late'
  elseif kind == 'T' then status = 'closed'
  elseif is_asked and not is_granted and (ARGV[8] == '1' or session.cut) then status = 'refused' end

  -- Nothing below may fail.
  local before = {spent = account.spent, reserved = account.reserved, written = account.written_off}
  local total = 0
  for _, each in ipairs(charges) do
    local lost = each.owed - each.paid
    local change = {spent = each.paid, reserved = each.hold - each.held, written_off = lost, credited = lost}
    entry.key, entry.units, entry.granted = each.key, math.max(each.used, 0), each.granted
    if each.used > 0 or change.spent ~= 0 or change.reserved ~= 0 or lost ~= 0 then
      move(account, ledger, entry, change)
    end
    session['r:' .. each.key], session['b:' .. each.key] = text(each.hold), text(each.booked)
    session['w:' .. each.key] = (each.final == 1 or each.status == 'no_credit') and '1' or '0'
    redis.call('HSET', keys.session, 'u:' .. each.key, text(each.total), 'b:' .. each.key,
      text(each.booked), 'r:' .. each.key, text(each.hold), 'w:' .. each.key, session['w:' .. each.key])
  end
  local waiting = '0'
  for name, value in pairs(session) do
    if name:sub(1, 2) == 'b:' then total = total + tonumber(value) end
    if name:sub(1, 2) == 'w:' and value == '1' then waiting = '1' end
  end
  if kind == 'I' then
    redis.call('PERSIST', keys.session)
    redis.call('HSET', keys.session, 'state', 'open', 'id', session_id, 'account', ARGV[11],
      'context', ARGV[6], 'started', text(now))
  end
  if is_open then
    -- The latest of a session's validity times counts (RFC 8506, 13).
    local deadline = text(math.max(now + tonumber(ARGV[9]), tonumber(session.deadline or '0')))
    redis.call('HSET', keys.session, 'host', ARGV[12], 'realm', ARGV[13], 'peer', ARGV[14],
      'owner', ARGV[15], 'deadline', deadline)
    redis.call('ZADD', keys.due, deadline, session_id)
    redis.call('HSET', keys.open, session_id, waiting)
  end
  local answer = pack(ARGV[4], status, ARGV[7], total, charges)
  redis.call('HSET', keys.answers, field, answer)
  if is_open and status ~= 'charged' then
    entry.kind, entry.reason, entry.units, entry.granted = 'release', 'session ended', 0, 0
    release_all(session, keys.session, account, ledger, entry)
    bury(keys, session_id, status)
  elseif status == 'closed' then
    redis.call('HSET', keys.session, 'state', 'closed')
  end
  return {status, answer, 0, account.spent - before.spent, account.reserved - before.reserved,
    account.written_off - before.written, account.balance - account.reserved, is_open and 1 or 0}
end
