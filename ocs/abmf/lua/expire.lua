--[[ Close a session from our side, or mark it to be refused at its next request.

  KEYS[1]  account   hash    {partition}:acct:<id>
  KEYS[2]  session   hash    {partition}:sess:<digest of Session-Id>
  KEYS[3]  answers   hash    {partition}:answers:<digest of Session-Id>
  KEYS[4]  open      hash    {partition}:open:<account>
  KEYS[5]  due       zset    {partition}:due
  KEYS[6]  ledger    stream  {partition}:ledger
  KEYS[7]  overdue   zset    {partition}:overdue
  ARGV[1]  now_ms    integer, UTC milliseconds; 0 = the store's own TIME (always, outside tests)
  ARGV[2]  reason    supervision (only when its deadline has passed), cut (mark only), overdue (mark only,
                     and only when it should have asked again), or another
  ARGV[3]  session_id   ARGV[4] account id   ARGV[5] actor

  Returns {status, ...}
    expired   {status, micros released, other sessions that wait for money}; a tombstone stays
    marked    the next request will be refused; overdue is told once
    early     its deadline has not passed, and the index says it now; or it has asked again
    gone      no such session is open
]]

local function expire(KEYS, ARGV)
  local now = now_of(ARGV[1])
  local keys = {session = KEYS[2], answers = KEYS[3], open = KEYS[4], due = KEYS[5], overdue = KEYS[7]}
  local session = whole_session(KEYS[2])
  if session.state ~= 'open' then
    redis.call('ZREM', KEYS[5], ARGV[3])
    redis.call('HDEL', KEYS[4], ARGV[3])
    redis.call('ZREM', KEYS[7], ARGV[3])
    return {'gone'}
  end
  local is_overdue = ARGV[2] == 'overdue'
  if is_overdue and (not session.overdue or session.overdue > now) then return {'early'} end
  if is_overdue or ARGV[2] == 'cut' then
    redis.call('HSET', KEYS[2], 'cut', '1')
    if is_overdue then expect(keys, session, ARGV[3], nil) end
    return {'marked'}
  end
  if ARGV[2] == 'supervision' and session.deadline > now then
    -- The index may be behind (keep_open).
    session.indexed = session.deadline
    redis.call('ZADD', KEYS[5], text(session.deadline), ARGV[3])
    keep_session(KEYS[2], session, {})
    return {'early'}
  end
  local account = account_of(KEYS[1])
  if not account then
    -- Nobody can close it; at the head of the index it would keep the others open.
    redis.call('ZADD', KEYS[5], text(now + 3600000), ARGV[3])
    return redis.error_reply('NOACCOUNT the session has no account')
  end

  -- Nothing below may fail.
  account.id = ARGV[4]
  local before, seq = account.reserved, account.seq
  local entry = {kind = 'release', session = ARGV[3], actor = ARGV[5], reason = ARGV[2]}
  release_all(session, account, KEYS[6], entry)
  count_waiting(account, session.waits > 0, false)
  if account.seq ~= seq then keep_account(account) end
  keep_session(KEYS[2], session, {})
  expect(keys, session, ARGV[3], nil)
  bury(keys, ARGV[3], 'expired')
  local released = before - account.reserved
  return {'expired', released, others(account, KEYS[4], ARGV[3], 0, released > 0 and 'w' or '')}
end
