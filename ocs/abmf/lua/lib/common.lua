-- Shared by the functions: the clock, numbers as text, the account and its entries.

-- The limit of amounts: see ocs.model.AMOUNT_LIMIT.
local LIMIT = 9000000000000000

local TOMBSTONE_SECONDS = 86400

local function now_of(argument)
  local now = tonumber(argument)
  if now > 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Never `..` on a number: Lua prints 14 digits.
local function text(number)
  return string.format('%.0f', number)
end

local AMOUNTS = {'balance', 'reserved', 'credited', 'spent', 'written_off', 'seq'}

-- The account's amounts as numbers, nil when there is none.
local function account_of(key)
  local found = redis.call('HMGET', key, 'last', unpack(AMOUNTS))
  if not found[2] then return nil end
  local account = {key = key, last = found[1] or ''}
  for i, name in ipairs(AMOUNTS) do account[name] = tonumber(found[i + 1]) end
  return account
end

-- Moves amounts (a table of changes) and writes the entry that explains them.
local function move(account, ledger, entry, change)
  local spent, reserved = change.spent or 0, change.reserved or 0
  local credited, written = change.credited or 0, change.written_off or 0
  local balance = credited - spent - written
  local changes = {balance, reserved, credited, spent, written, 1}
  for i, name in ipairs(AMOUNTS) do
    if changes[i] ~= 0 then
      account[name] = redis.call('HINCRBY', account.key, name, text(changes[i]))
    end
  end
  local fields = {
    'seq', text(account.seq), 'prev', account.last, 'account', account.id, 'credited', text(credited),
    'spent', text(spent), 'reserved', text(reserved), 'written_off', text(written),
    'after_credited', text(account.credited), 'after_balance', text(account.balance),
    'after_reserved', text(account.reserved), 'after_spent', text(account.spent),
    'after_written_off', text(account.written_off),
  }
  for name, value in pairs(entry) do
    fields[#fields + 1] = name
    fields[#fields + 1] = type(value) == 'number' and text(value) or value
  end
  account.last = redis.call('XADD', ledger, '*', unpack(fields))
  redis.call('HSET', account.key, 'last', account.last)
end
