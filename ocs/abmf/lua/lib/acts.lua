-- What a posting does to the balances of an account (ocs.books.Act): each act on a copy, in order.

-- Stores a subscriber, and by when something is to be done for it.
local function store_subscriber(key, agenda, subscriber, version, data, due)
  redis.call('HSET', key, 'version', version, 'data', data)
  if due == '0' then redis.call('ZREM', agenda, subscriber)
  else redis.call('ZADD', agenda, due, subscriber) end
end

-- The copy of one balance.
local function copied(copy, name)
  local found = copy.all[name]
  if not found then
    local amount, reserved = amounts_of(copy.account, name)
    found = {amount = amount, reserved = reserved, before = amount, credited = 0, spent = 0}
    copy.all[name] = found
  end
  return found
end

local function add(balance, amount)
  balance.amount, balance.credited = balance.amount + amount, balance.credited + amount
end

local function less(balance, amount)
  balance.amount, balance.spent = balance.amount - amount, balance.spent + amount
end

local function available(balance) return math.max(balance.amount - balance.reserved, 0) end

-- Each act changes the copy, and returns true where less is there than it must take.
local ACTS = {
  credit = function(_, balance, amount) add(balance, amount) end,
  debit = function(_, balance, amount, limit)
    if balance.amount - balance.reserved - amount < -limit then return true end
    less(balance, amount)
  end,
  repay = function(copy, balance)
    local amount = math.min(copy.purse, math.max(-balance.amount, 0))
    copy.purse = copy.purse - amount
    add(balance, amount)
  end,
  take = function(copy, balance, amount)
    amount = math.min(amount, available(balance))
    copy.purse = copy.purse + amount
    less(balance, amount)
  end,
  pour = function(copy, balance)
    add(balance, copy.purse)
    copy.purse = 0
  end,
  keep = function(_, balance, amount) less(balance, math.max(available(balance) - amount, 0)) end,
  bill = function(copy, balance)
    local main = copied(copy, 'main')
    local owed = math.max(-main.amount, 0)
    add(main, owed)
    less(balance, owed)
  end,
  drop = function(_, balance)
    balance.is_dropped = balance.amount == 0 and balance.reserved == 0
  end,
}

-- Applies the movements, four arguments each from `at` on. Returns the word of a refusal, or nil.
local function act_all(copy, args, at, count)
  for _ = 1, count do
    local balance = copied(copy, args[at + 1])
    if args[at] ~= 'drop' then balance.is_dropped = false end
    local is_short = ACTS[args[at]](copy, balance, tonumber(args[at + 2]), tonumber(args[at + 3]))
    if is_short then return 'insufficient' end
    at = at + 4
  end
  for name, each in pairs(copy.all) do
    if math.abs(each.amount) > LIMIT or copy.purse > LIMIT then return 'limit' end
    if name == 'main' and (copy.account.credited + each.credited > LIMIT
        or copy.account.spent + each.spent > LIMIT) then return 'limit' end
  end
  return nil
end

-- What the copy stands for, as `move` takes it: changes of main money, and what is taken of others.
local function changes_of(copy)
  local moved, taken = {}, {}
  for name, each in pairs(copy.all) do
    if name == 'main' then moved.credited, moved.spent = each.credited, each.spent
    else taken[name] = each.before - each.amount end
  end
  return moved, taken
end

local function drop_all(copy)
  for name, each in pairs(copy.all) do
    if each.is_dropped and name ~= 'main' then
      local id = split(name)
      redis.call('HDEL', copy.account.key, 'b:' .. id)
    end
  end
end
