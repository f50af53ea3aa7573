--[[ Settle used units, release what is left, reserve the next quota: all services of one CCR.

  KEYS[1]  account   hash    {partition}:acct:<id>; not read where the session is unknown
  KEYS[2]  subscriber hash   {partition}:sub:<subscriber>
  KEYS[3]  session   hash    {partition}:sess:<digest of Session-Id>
  KEYS[4]  answers   hash    {partition}:answers:<digest of Session-Id>
  KEYS[5]  open      hash    {partition}:open:<account>, Session-Id -> its mark (sum_up)
  KEYS[6]  due       zset    {partition}:due, Session-Id by deadline
  KEYS[7]  ledger    stream  {partition}:ledger
  KEYS[8]  overdue   zset    {partition}:overdue, Session-Id by when it must have asked again
  KEYS[9]  outbox    stream  {partition}:outbox, what subscribers are to be told
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
  ARGV[16] scope     realm = a relay: sessions of the realm are its own; host = only the actor's
  ARGV[17] state_id  Origin-State-Id of the client, 0 = none
  ARGV[18] at        rating time in milliseconds, by which an absurd report of seconds is told; 0 = now
  ARGV[19] subscriber id
  ARGV[20] count of balances, each: name, floor, notices ("5,10"); then
           count of charges, each: key, used (-1: no report), requested (-1: no quota wanted), refusal,
           unit, mode, quantum, denominator, grace_ms of a final grant (0: not watched; for seconds it
           begins behind the grant), limit, least, most, used_at, note, count of ways, each: name, numbers of
           its balances ("1 3"), begins, ends, needs, floor, flags (1 stops + 2 is apart), count of legs,
           count of draws, then the legs: start, stop, step, price, entry; the draws: number of the
           balance, step, amount, entry

  Returns {status, ...}
    charged    {status, stored answer, replayed, spent, reserved, written off, available, was open,
               clamped units, other sessions to re-authorise}; a replay ends after the third
    closed     as charged
    refused    as charged: no grant; the session ended
    unknown    as charged: no such session; the usage is kept as an orphan entry
    late       as charged: the session had ended; the usage is debited
    foreign    the session is another client's; nothing moved, nothing is told
    mismatch   the number was used with other content; its usage is kept as an orphan entry
    exists     the session was opened before
    unrated    no service of this I has a price
    stale      {status, version, subscriber}
]]

local function charge(KEYS, ARGV)
  local now, kind, field = now_of(ARGV[1]), ARGV[2], ARGV[2] .. ARGV[3]
  local at = ARGV[18] == '0' and now or tonumber(ARGV[18])
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6], ledger = KEYS[7],
    overdue = KEYS[8]}
  local session_id = ARGV[10]
  local charges, sources = parse_charges(ARGV, 20)
  local entry = {kind = 'charge', session = session_id, request = field, actor = ARGV[12], reason = 'usage'}

  local session = hash_of(keys.session)
  local state = session.state
  if is_foreign(session, ARGV[16], ARGV[12], ARGV[13]) then return {'foreign'} end
  local stored, is_same = recall(keys, field, ARGV[4], charges, ARGV[11], entry)
  if is_same then return {'charged', stored, 1} end
  if stored then return {'mismatch'} end
  if kind == 'I' and state and state ~= 'orphan' then return {'exists'} end
  if kind ~= 'I' and (not state or state == 'orphan' or state == 'event') then
    return {'unknown', keep_stray(keys, field, ARGV, charges, entry, state), 0}
  end
  local version = redis.call('HGET', KEYS[2], 'version')
  if version and version ~= ARGV[5] then
    return {'stale', version, redis.call('HGET', KEYS[2], 'data')}
  end
  local account = account_of(KEYS[1])
  if not account then return redis.error_reply('NOACCOUNT the session has no account') end
  account.id, account.subscriber, account.now, account.outbox = ARGV[11], ARGV[19], now, KEYS[9]
  if kind == 'I' and is_unrated(charges) then return {'unrated'} end

  local is_open = kind == 'I' or state == 'open'
  local before = {spent = account.spent, reserved = account.reserved, written = account.written_off}
  local free = free_of(account, sources)
  local free_before = copy_of(free)
  recollect(charges, session)
  local clamped = clamp(charges, session, now, at, account.balance)
  mark_late(charges, session, kind, ARGV[3])
  -- An end gives back what it does not name, and what it reports may be paid from that.
  local is_spare = is_open and kind == 'T'
  if is_spare then spare_of(session, charges, account, free) end
  settle(charges, account, free, at, LIMIT - account.credited)
  local is_asked, is_granted = grant(charges, free, at, is_open and kind ~= 'T', session.cut)
  local status = 'charged'
  if not is_open then status = (state == 'refused' and kind == 'T') and 'closed' or 'late'
  elseif kind == 'T' then status = 'closed'
  elseif is_asked and not is_granted and (ARGV[8] == '1' or session.cut) then status = 'refused' end

  -- Nothing below may fail.
  local ending = {kind = 'release', session = session_id, request = field, actor = ARGV[12],
    reason = 'session ended'}
  if is_spare then release_all(session, keys.session, account, keys.ledger, ending, charges) end
  local is_short = write_charges(keys, session, charges, account, entry)
  local total, mark = sum_up(session)
  if kind == 'I' then open_session(keys, ARGV, now) end
  if is_granted and not session.first then redis.call('HSET', keys.session, 'first', text(math.min(at, now))) end
  if is_open then keep_open(keys, session, ARGV, now, mark, overdue_of(charges, now)) end
  local is_over = is_open and status ~= 'charged'
  if is_over then release_all(session, keys.session, account, keys.ledger, ending) end
  local available = account.balance - account.reserved - account.floor
  local answer = pack(ARGV[4], status, ARGV[7], total, available, charges)
  redis.call('HSET', keys.answers, field, answer)
  if is_over then bury(keys, session_id, status)
  elseif status == 'closed' then
    redis.call('HSET', keys.session, 'state', 'closed')
  end
  -- Money that came back is for those who wait; where it ends here, others may hold more than they use.
  local is_more = is_any_above(free_of(account, sources), free_before)
  local marks = (is_more and 'w' or '') .. (is_short and 'h' or '')
  local waiting = others(keys.open, session_id, status == 'charged' and 1 or 0, marks)
  return {status, answer, 0, account.spent - before.spent, account.reserved - before.reserved,
    account.written_off - before.written, available, is_open and 1 or 0, clamped, waiting}
end
