-- The balances of an account besides its own money, and what its subscribers are told of them.
--
-- A balance is kept as `b:<id>`, its amount and what is reserved of it; of a counter, whose source is
-- "<id>@<label>", the label of the period that it counts stands behind them. Another label begins it anew.

local function split(source)
  local at = source:find('@', 1, true)
  if not at then return source, '' end
  return source:sub(1, at - 1), source:sub(at + 1)
end

-- What is stored of one balance; read once.
local function stored_of(account, id)
  local kept = account.kept[id]
  if not kept then
    local found = redis.call('HGET', account.key, 'b:' .. id)
    local amount, reserved, label = (found or '0 0 '):match('(%S+) (%S+) (.*)')
    kept = {amount = tonumber(amount), reserved = tonumber(reserved), label = label, is_changed = false}
    account.kept[id] = kept
  end
  return kept
end

-- Amount and reserved of a source; a period that is not the stored one reads 0. The third says whether
-- it is the stored one: a hold taken in another is forgotten.
local function amounts_of(account, source)
  if source == 'main' then return account.balance, account.reserved, true end
  local id, label = split(source)
  local kept = stored_of(account, id)
  if kept.label ~= label then return 0, 0, false end
  return kept.amount, kept.reserved, true
end

-- Tells an account who it is, whose request this is, and what to tell its subscriber: of a plan's arguments.
local function introduce(account, args, now, outbox, sources)
  account.id, account.subscriber, account.now, account.outbox = args[11], args[15], now, outbox
  account.notices = sources.notices
end

-- What nobody holds of each source of a plan, down to its floor. Main money is always there.
local function free_of(account, sources)
  local free = {main = account.balance - account.reserved - sources.floor}
  for i = 1, #sources do
    local source = sources[i]
    if source.name ~= 'main' then
      local amount, reserved = amounts_of(account, source.name)
      free[source.name] = amount - reserved - source.floor
    end
  end
  return free
end

-- Gives held amounts back to `free`; those of another period are gone.
local function give_back(account, free, held)
  for source, amount in pairs(held) do
    local _, _, is_stored = amounts_of(account, source)
    if is_stored then free[source] = (free[source] or 0) + amount end
  end
end

local function tell(account, kind, ...)
  redis.call('XADD', account.outbox, 'MAXLEN', '~', text(OUTBOX_AT_MOST), '*', 'kind', kind,
    'account', account.id, 'subscriber', account.subscriber, ...)
end

-- Tells the subscriber where a balance came to one of its notices or below, from above it.
local function tell_crossings(account, source, before, after)
  local notices = account.notices[source]
  if not notices or after >= before then return end
  for each in notices:gmatch('-?%d+') do
    local amount = tonumber(each)
    if before > amount and after <= amount then
      tell(account, 'threshold', 'balance', (split(source)), 'at', each, 'left', text(after),
        'time', text(account.now))
    end
  end
end

-- Changes one balance; returns what it is afterwards, nil where nothing changes: the period is over.
local function change(account, source, amount, reserved)
  local id, label = split(source)
  local kept = stored_of(account, id)
  if label < kept.label or (amount == 0 and reserved == 0) then return nil end
  if label > kept.label then
    if amount == 0 and reserved < 0 then return nil end
    kept.label, kept.amount, kept.reserved = label, 0, 0
  end
  local before = kept.amount
  kept.amount, kept.reserved = before + amount, math.max(kept.reserved + reserved, 0)
  kept.is_changed = true
  tell_crossings(account, source, before, kept.amount)
  return kept
end

-- Changes other balances: tables of what is taken and of changes of reserved, by source. Returns the changes
-- as the entry tells them: "balance amount reserved after after_reserved;...".
local function change_others(account, taken, reserved)
  local all
  for source in pairs(taken) do
    if source ~= 'main' then all = all or {}; all[source] = true end
  end
  for source in pairs(reserved) do
    if source ~= 'main' then all = all or {}; all[source] = true end
  end
  if not all then return '' end
  local told = {}
  for _, source in ipairs(names_of(all)) do
    local more, held = -(taken[source] or 0), reserved[source] or 0
    local kept = change(account, source, more, held)
    if kept then
      told[#told + 1] = source .. (' %d %d %d %d'):format(more, held, kept.amount, kept.reserved)
    end
  end
  return table.concat(told, ';')
end
