-- The one place where amounts of an account change: none changes without its entry.

-- Moves main money (a table of changes) and other balances, and writes the entry that explains it.
local function move(account, ledger, entry, moved, amounts, reserves)
  local spent, reserved = moved.spent or 0, moved.reserved or 0
  local credited, written = moved.credited or 0, moved.written_off or 0
  local before = account.balance
  local changes = {credited - spent - written, reserved, credited, spent, written, 1}
  local stored, after = {}, {}
  for i, name in ipairs(AMOUNTS) do
    account[name] = account[name] + changes[i]
    after[i] = text(account[name])
    if changes[i] ~= 0 then stored[#stored + 1], stored[#stored + 2] = name, after[i] end
  end
  tell_crossings(account, 'main', before, account.balance)
  local fields = {
    'seq', after[6], 'prev', account.last, 'account', account.id, 'credited', text(credited),
    'spent', text(spent), 'reserved', text(reserved), 'written_off', text(written),
    'after_credited', after[3], 'after_balance', after[1], 'after_reserved', after[2],
    'after_spent', after[4], 'after_written_off', after[5],
  }
  local moves = change_others(account, amounts, reserves)
  if moves ~= '' then fields[#fields + 1], fields[#fields + 2] = 'moves', moves end
  for name, value in pairs(entry) do
    if value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = type(value) == 'number' and text(value) or value
    end
  end
  account.last = redis.call('XADD', ledger, '*', unpack(fields))
  redis.call('HSET', account.key, 'last', account.last, unpack(stored))
end
