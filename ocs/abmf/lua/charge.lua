--[[ Settle used units, release what is left, reserve the next quota: all services of one CCR.

  KEYS[1]  account   hash    {partition}:acct:<id>; not read where the session is unknown
  KEYS[2]  subscriber hash   {partition}:sub:<subscriber>
  KEYS[3]  session   hash    {partition}:sess:<digest of Session-Id>
  KEYS[4]  answers   hash    {partition}:answers:<digest of Session-Id>
  KEYS[5]  open      hash    {partition}:open:<account>, Session-Id -> its mark (mark_of)
  KEYS[6]  due       zset    {partition}:due, Session-Id by deadline, or a moment before it
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
  ARGV[10] session_id  ARGV[11] account id
  ARGV[12] client    packed (client.lua)
  ARGV[13] state_id  Origin-State-Id of the client, 0 = none
  ARGV[14] at        rating time in milliseconds, by which an absurd report of seconds is told; 0 = now
  ARGV[15] subscriber id
  ARGV[16] balances, packed: each name, floor, notices ("5,10")
  ARGV[17] on: the charges, each: key, used (-1: no report), requested (-1: no quota wanted), refusal,
           used_at, price, packed (parse.lua)

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
  local now, kind, number = now_of(ARGV[1]), ARGV[2], ARGV[3]
  local field, place, session_id = kind .. number, tonumber(number:match('^%d+')), ARGV[10]
  local at = ARGV[14] == '0' and now or tonumber(ARGV[14])
  local keys = {session = KEYS[3], answers = KEYS[4], open = KEYS[5], due = KEYS[6], ledger = KEYS[7],
    overdue = KEYS[8]}
  local charges, sources = parse_charges(ARGV, 16)
  local actor = client_of(ARGV[12]).host
  local entry = {kind = 'charge', session = session_id, request = field, actor = actor, reason = 'usage',
    key = '', units = 0, granted = 0, laid = '', note = ''}

  local session = kind == 'T' and whole_session(keys.session) or session_for(keys.session, charges)
  local state = session.state
  if is_foreign(session, ARGV[12]) then return {'foreign'} end
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
  introduce(account, ARGV, now, KEYS[9], sources)
  local floor = sources.floor
  if kind == 'I' and is_unrated(charges) then return {'unrated'} end

  local is_open = kind == 'I' or state == 'open'
  local spent, reserved, written, seq = account.spent, account.reserved, account.written_off, account.seq
  local free = free_of(account, sources)
  local free_before = account.waits > 0 and copy_of(free)
  recollect(charges, session)
  local clamped = clamp(charges, session, now, at, account.balance)
  mark_late(charges, kind, place)
  -- An end gives back what it does not name, and what it reports may be paid from that.
  local is_spare = is_open and kind == 'T'
  if is_spare then spare_of(session, charges, account, free) end
  settle(charges, account, free, at, floor)
  local is_asked, is_granted = grant(charges, free, at, floor, is_open and kind ~= 'T', session.cut)
  local status = 'charged'
  if not is_open then status = (state == 'refused' and kind == 'T') and 'closed' or 'late'
  elseif kind == 'T' then status = 'closed'
  elseif is_asked and not is_granted and (ARGV[8] == '1' or session.cut) then status = 'refused' end

  -- Nothing below may fail.
  local waited, mark = is_open and session.waits > 0, kind ~= 'I' and mark_of(session)
  if is_spare then release_all(session, account, keys.ledger, ending_of(entry), charges) end
  local is_short = write_charges(keys, session, charges, account, entry, place)
  local is_over = is_open and status ~= 'charged'
  if is_over then
    complete(session, keys.session)
    release_all(session, account, keys.ledger, ending_of(entry))
  end
  local fields = kind == 'I' and open_session(keys, ARGV, now) or {}
  if is_granted and session.first == 0 then session.first = math.min(at, now) end
  if status == 'charged' then keep_open(keys, session, ARGV, now, mark) end
  if is_open then
    expect(keys, session, session_id, overdue_of(charges, now))
    if session.client ~= ARGV[12] then fields[#fields + 1], fields[#fields + 2] = 'client', ARGV[12] end
  end
  count_waiting(account, waited, status == 'charged' and session.waits > 0)
  if account.seq ~= seq then keep_account(account) end
  keep_session(keys.session, session, fields)
  local available = account.balance - account.reserved - floor
  local answer = pack(ARGV[4], status, ARGV[7], session.total, available, charges)
  redis.call('HSET', keys.answers, field, answer)
  if is_over then bury(keys, session_id, status)
  elseif status == 'closed' then redis.call('HSET', keys.session, 'state', 'closed') end
  local waiting = woken(account, keys.open, session_id, status, sources, free_before, is_short)
  return {status, answer, 0, account.spent - spent, account.reserved - reserved,
    account.written_off - written, available, is_open and 1 or 0, clamped, waiting}
end
