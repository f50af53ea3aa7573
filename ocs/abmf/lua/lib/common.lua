-- Shared by the functions: the clock, numbers as text, amounts by name, the account.

-- The limit of amounts: see ocs.model.AMOUNT_LIMIT.
local LIMIT = 9000000000000000

-- What a report may cost above all the account has: more is no usage, and would fill the account's sums,
-- after which it could not be topped up.
local CLAMP_LOST = 1000000000000

local TOMBSTONE_SECONDS = 86400

-- What subscribers are to be told; whoever sends it is never so far behind.
local OUTBOX_AT_MOST = 1000000

local function now_of(argument)
  local now = tonumber(argument)
  if now > 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- As text an amount is a C long (put.lua looks that it has 64 bits). Never `..` on a number: Lua prints 14
-- digits.
local function text(number)
  return ('%d'):format(number)
end

-- "name amount;name amount" as a table; a number alone is main money.
local function read_amounts(packed)
  if not packed or packed == '' or packed == '0' then return {} end
  local main = tonumber(packed)
  if main then return {main = main} end
  local found = {}
  for name, amount in packed:gmatch('([^ ;]+) (-?%d+)') do found[name] = tonumber(amount) end
  return found
end

-- The names of a table in order, so that entries come in the same order everywhere.
local function names_of(amounts)
  local names = {}
  for name in pairs(amounts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- The other direction of `read_amounts`; nothing is "0".
local function packed_amounts(amounts)
  local first = next(amounts)
  if not first then return '0' end
  if first == 'main' and not next(amounts, first) then return text(amounts.main) end
  local parts = {}
  for _, name in ipairs(names_of(amounts)) do
    if amounts[name] ~= 0 then parts[#parts + 1] = name .. ' ' .. text(amounts[name]) end
  end
  return #parts > 0 and table.concat(parts, ';') or '0'
end

local function copy_of(amounts)
  local copy = {}
  for name, amount in pairs(amounts) do copy[name] = amount end
  return copy
end

-- Whether any amount is above what it was.
local function is_any_above(amounts, before)
  for name, amount in pairs(amounts) do
    if amount > (before[name] or 0) then return true end
  end
  return false
end

-- An account is read at once, and written at once where it has changed (`keep_account`). `main` is its own
-- money: balance, reserved, credited, spent, written off, and the number of its newest entry; `last` is that
-- entry, `waits` how many of its open sessions wait for money. nil when there is none. Other balances are read
-- where they are needed (`stored_of`).
local NOTHING = {}

local function account_of(key)
  local found = redis.call('HMGET', key, 'main', 'last', 'waits')
  local main = found[1]
  if not main then return nil end
  local balance, reserved, credited, spent, written, seq = main:match('(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
  return {
    key = key, last = found[2] or '', waits = found[3] and tonumber(found[3]) or 0, main = main,
    balance = tonumber(balance), reserved = tonumber(reserved), credited = tonumber(credited),
    spent = tonumber(spent), written_off = tonumber(written), seq = tonumber(seq), kept = {},
    notices = NOTHING, id = false, subscriber = false, now = 0, outbox = false,
  }
end
