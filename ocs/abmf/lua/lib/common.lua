-- Shared by the functions: the clock, numbers as text, amounts by name, the account.

-- The limit of amounts: see ocs.model.AMOUNT_LIMIT.
local LIMIT = 9000000000000000

local TOMBSTONE_SECONDS = 86400

-- What subscribers are to be told; whoever sends it is never so far behind.
local OUTBOX_AT_MOST = 1000000

local function now_of(argument)
  local now = tonumber(argument)
  if now > 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Never `..` on a number: Lua prints 14 digits. Zero has no sign.
local function text(number)
  return string.format('%.0f', number + 0)
end

-- "name amount;name amount" as a table; a number alone is main money.
local function read_amounts(packed)
  local found = {}
  if not packed or packed == '' or packed == '0' then return found end
  if packed:find('^%d+$') then return {main = tonumber(packed)} end
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

local AMOUNTS = {'balance', 'reserved', 'credited', 'spent', 'written_off', 'seq'}

-- The account's amounts as numbers, nil when there is none. Other balances are read where they are needed
-- (`stored_of`).
local function account_of(key)
  local found = redis.call('HMGET', key, 'last', unpack(AMOUNTS))
  if not found[2] then return nil end
  local account = {key = key, last = found[1] or '', kept = {}, notices = {}, floor = 0}
  for i, name in ipairs(AMOUNTS) do account[name] = tonumber(found[i + 1]) end
  return account
end
