--[[ Apply movements that no CCR asked for, once for their key: a top-up, a fee, a purchase, an adjustment.

  KEYS[1]  account   hash    {partition}:acct:<id>
  KEYS[2]  record    string  {partition}:post:<digest of the idempotency key>
  KEYS[3]  open      hash    {partition}:open:<account>
  KEYS[4]  ledger    stream  {partition}:ledger
  KEYS[5]  subscriber hash   {partition}:sub:<subscriber>
  KEYS[6]  agenda    zset    {partition}:agenda, subscriber by when something is due
  KEYS[7]  outbox    stream  {partition}:outbox, what subscribers are to be told
  ARGV[1]  now_ms    0 = the store's own TIME (always, outside tests)
  ARGV[2]  content   digest of what a repeat must share
  ARGV[3]  kind      ARGV[4] actor   ARGV[5] reason   ARGV[6] account id
  ARGV[7]  subscriber id, ARGV[8] its version ("" = no subscriber is stored), ARGV[9] data, ARGV[10] due
  ARGV[11] purse     micros that come from outside
  ARGV[12] count of movements, each: act, balance, amount, limit; then
           count of notices, each: kind, count of values, each: name, value

  Returns {status, ...}
    posted           {status, waiting Session-Ids, version of the subscriber}
    replayed         {status, waiting Session-Ids, version, subscriber}: applied before; nothing moved
    mismatch         this key was applied with other content; nothing moved
    insufficient     it would take more than is available
    unknown_account  there is no such account
    limit            a balance would pass what a double can hold
    stale            {status, version, subscriber}: it has changed meanwhile; nothing moved
]]

-- 31 days: longer than any payment channel repeats itself. The record holds no money.
local RECORD_SECONDS = 31 * 86400

local function tell_all(account, args, at)
  local count = tonumber(args[at])
  at = at + 1
  for _ = 1, count do
    local kind, values, fields = args[at], tonumber(args[at + 1]), {}
    for i = 1, 2 * values do fields[i] = args[at + 1 + i] end
    fields[#fields + 1], fields[#fields + 2] = 'time', text(account.now)
    tell(account, kind, unpack(fields))
    at = at + 2 + 2 * values
  end
end

local function post(KEYS, ARGV)
  local before = redis.call('GET', KEYS[2])
  if before and before ~= ARGV[2] then return {'mismatch'} end
  local waiting = {}
  local open = redis.call('HGETALL', KEYS[3])  -- Session-Id -> its mark (mark_of)
  for i = 1, #open, 2 do
    if open[i + 1]:find('w', 1, true) then waiting[#waiting + 1] = open[i] end
  end
  local stored = redis.call('HMGET', KEYS[5], 'version', 'data')
  local version, data = stored[1] or '0', stored[2] or ''
  -- Who repeats may not have heard the first answer, and nobody was told then.
  if before then return {'replayed', waiting, version, data} end
  local account = account_of(KEYS[1])
  if not account then return {'unknown_account'} end
  if ARGV[8] ~= '' and ARGV[8] ~= version then return {'stale', version, data} end
  local copy = {account = account, purse = tonumber(ARGV[11]), all = {}}
  local movements = tonumber(ARGV[12])
  local refusal = act_all(copy, ARGV, 13, movements)
  if refusal == 'insufficient' then return {'insufficient'} end
  if refusal then return {'limit'} end
  if copy.purse ~= 0 then return redis.error_reply('PURSE the posting does not say where its money goes') end

  -- Nothing below may fail.
  account.id, account.subscriber, account.now, account.outbox = ARGV[6], ARGV[7], now_of(ARGV[1]), KEYS[7]
  local moved, taken = changes_of(copy)
  local entry = {kind = ARGV[3], actor = ARGV[4], reason = ARGV[5]}
  move(account, KEYS[4], entry, moved.credited or 0, moved.spent or 0, 0, 0, taken, {})
  keep_account(account)
  drop_all(copy)
  if ARGV[8] ~= '' then
    version = text(tonumber(version) + 1)
    store_subscriber(KEYS[5], KEYS[6], ARGV[7], version, ARGV[9], ARGV[10])
  end
  tell_all(account, ARGV, 13 + 4 * movements)
  redis.call('SET', KEYS[2], ARGV[2], 'EX', text(RECORD_SECONDS))
  return {'posted', waiting, version}
end
