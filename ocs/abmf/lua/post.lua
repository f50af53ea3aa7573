--[[ Apply one movement that no CCR asked for, once for its key: a top-up, an adjustment, a fee.

  KEYS[1]  account   hash    {partition}:acct:<id>
  KEYS[2]  record    string  {partition}:post:<digest of the idempotency key>
  KEYS[3]  open      hash    {partition}:open:<account>
  KEYS[4]  ledger    stream  {partition}:ledger
  ARGV[1]  content   digest of what a repeat must share
  ARGV[2]  kind      ARGV[3] amount in micros, signed   ARGV[4] actor   ARGV[5] reason
  ARGV[6]  account id

  Returns {status, ...}
    posted           {status, waiting Session-Ids}
    replayed         this key was applied before; nothing moved
    mismatch         this key was applied with other content; nothing moved
    insufficient     it would take more than is available
    unknown_account  there is no such account
    limit            the balance would pass what a double can hold
]]

-- 31 days: longer than any payment channel repeats itself. The record holds no money.
local RECORD_SECONDS = 31 * 86400

local function post(KEYS, ARGV)
  local before = redis.call('GET', KEYS[2])
  if before and before ~= ARGV[1] then return {'mismatch'} end
  local waiting = {}
  local open = redis.call('HGETALL', KEYS[3])  -- Session-Id -> its mark (sum_up)
  for i = 1, #open, 2 do
    if open[i + 1]:find('w', 1, true) then waiting[#waiting + 1] = open[i] end
  end
  -- Who repeats may not have heard the first answer, and nobody was told then.
  if before then return {'replayed', waiting} end
  local account = account_of(KEYS[1])
  if not account then return {'unknown_account'} end
  local amount = tonumber(ARGV[3])
  if account.balance - account.reserved + amount < 0 then return {'insufficient'} end
  if account.credited + math.abs(amount) > LIMIT then return {'limit'} end

  -- Nothing below may fail.
  account.id = ARGV[6]
  local change = amount >= 0 and {credited = amount} or {spent = -amount}
  move(account, KEYS[4], {kind = ARGV[2], actor = ARGV[4], reason = ARGV[5]}, change)
  redis.call('SET', KEYS[2], ARGV[1], 'EX', text(RECORD_SECONDS))
  return {'posted', waiting}
end
