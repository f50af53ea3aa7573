-- The balances of an account besides its own money, and what its subscribers are told of them.
--
-- A balance is kept as `a:<id>` amount and `r:<id>` reserved; a counter, whose source is "<id>@<label>",
-- with `k:<id>`, the label of the period it counts. Another label begins it anew.

local function split(source)
  local at = source:find('@', 1, true)
  if not at then return source, '' end
  return source:sub(1, at - 1), source:sub(at + 1)
end

-- What is stored of one balance; read once.
local function stored_of(account, id)
  local kept = account.kept[id]
  if not kept then
    local found = redis.call('HMGET', account.key, 'a:' .. id, 'r:' .. id, 'k:' .. id)
    kept = {amount = tonumber(found[1] or '0'), reserved = tonumber(found[2] or '0'), label = found[3] or ''}
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

-- What nobody holds of each source of a plan, down to its floor. Main money is always there.
local function free_of(account, sources)
  local free = {main = account.balance - account.reserved}
  for _, source in ipairs(sources) do
    local amount, reserved = amounts_of(account, source.name)
    free[source.name] = amount - reserved - source.floor
    if source.name == 'main' then account.floor = source.floor end
    if source.notices ~= '' then account.notices[source.name] = source.notices end
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

-- Changes one balance; returns what is stored afterwards, nil where nothing is: the period is over.
local function change(account, source, amount, reserved)
  local id, label = split(source)
  local kept = stored_of(account, id)
  if label < kept.label or (amount == 0 and reserved == 0) then return nil end
  if label > kept.label then
    if amount == 0 and reserved < 0 then return nil end
    kept.label, kept.amount, kept.reserved = label, 0, 0
    redis.call('HSET', account.key, 'k:' .. id, label)
  end
  local before = kept.amount
  kept.amount, kept.reserved = before + amount, math.max(kept.reserved + reserved, 0)
  redis.call('HSET', account.key, 'a:' .. id, text(kept.amount), 'r:' .. id, text(kept.reserved))
  tell_crossings(account, source, before, kept.amount)
  return kept
end

-- Changes other balances: tables of changes of amount and of reserved, by source. Returns them as the
-- entry tells them: "balance amount reserved after after_reserved;...".
local function change_others(account, amounts, reserved)
  local all, told = {}, {}
  for source in pairs(amounts) do all[source] = true end
  for source in pairs(reserved) do all[source] = true end
  all.main = nil
  for _, source in ipairs(names_of(all)) do
    local more, held = amounts[source] or 0, reserved[source] or 0
    local kept = change(account, source, more, held)
    if kept then
      told[#told + 1] = table.concat({source, text(more), text(held), text(kept.amount),
        text(kept.reserved)}, ' ')
    end
  end
  return table.concat(told, ';')
end
