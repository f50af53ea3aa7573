-- The one place where amounts of an account change: none changes without its entry.

-- Moves main money (changes of credited, spent, reserved, written off) and other balances (what is `taken` of
-- them, and changes of what is reserved, by source), and writes the entry that explains it; the key, units,
-- ways and note of a service are in `entry`. The caller keeps the account afterwards (`keep_account`).
local function move(account, ledger, entry, credited, spent, reserved, written, taken, reserves)
  local before = account.balance
  local balance = before + credited - spent - written
  account.balance, account.reserved = balance, account.reserved + reserved
  account.credited, account.spent = account.credited + credited, account.spent + spent
  account.written_off, account.seq = account.written_off + written, account.seq + 1
  account.main = ('%d %d %d %d %d %d'):format(balance, account.reserved, account.credited, account.spent,
    account.written_off, account.seq)
  tell_crossings(account, 'main', before, balance)
  local moved = ('%d %d %d %d %d %d'):format(entry.units or 0, entry.granted or 0, credited, spent, reserved,
    written)
  account.last = redis.call('XADD', ledger, '*', 'account', account.id, 'prev', account.last,
    'kind', entry.kind, 'actor', entry.actor, 'reason', entry.reason, 'session', entry.session or '',
    'request', entry.request or '', 'key', entry.key or '', 'moved', moved, 'after', account.main,
    'moves', change_others(account, taken, reserves), 'laid', entry.laid or '', 'note', entry.note or '')
end

-- Writes the account as the moves have left it.
local function keep_account(account)
  local fields = {'main', account.main, 'last', account.last}
  for id, kept in pairs(account.kept) do
    if kept.is_changed then
      fields[#fields + 1] = 'b:' .. id
      fields[#fields + 1] = ('%d %d %s'):format(kept.amount, kept.reserved, kept.label)
    end
  end
  redis.call('HSET', account.key, unpack(fields))
end
