-- Writes what `settle` and `grant` decided: an entry for each service, and its fields. Returns whether
-- a service came to the end of the money that was not there before.
local function write_charges(keys, session, charges, account, entry)
  local is_short, order = false, {}
  -- What gives money back comes first: after no entry is less than nothing available.
  local function taken(each) return each.paid + each.hold - each.held end
  for i, each in ipairs(charges) do order[i], each.place = each, i end
  table.sort(order, function(a, b)
    if taken(a) ~= taken(b) then return taken(a) < taken(b) end
    return a.place < b.place
  end)
  for _, each in ipairs(order) do
    local key, lost = each.key, each.owed - each.paid
    local change = {spent = each.paid, reserved = each.hold - each.held, written_off = lost, credited = lost}
    entry.key, entry.units, entry.granted = key, math.max(each.used, 0), each.granted
    if each.used > 0 or change.spent ~= 0 or change.reserved ~= 0 or lost ~= 0 then
      move(account, keys.ledger, entry, change)
    end
    if each.clamped > 0 then
      keep_usage(keys.ledger, 'usage_clamped', key, each.clamped, account.id, entry, 'absurd report')
    end
    -- Who asks for nothing waits as before: after a redirection the service stands without quota.
    local waits = session['w:' .. key] or '0'
    if each.requested >= 0 and not each.is_late then
      local is_end = each.final == 1 or each.status == 'no_credit'
      is_short = is_short or (is_end and waits == '0')
      waits = is_end and '1' or '0'
    end
    -- A service without a price leaves nothing behind: a client may name any number of them.
    local is_kept = #each.legs > 0 or session['u:' .. key]
    if is_kept then
      session['u:' .. key], session['b:' .. key] = text(each.total), text(each.booked)
      session['r:' .. key], session['w:' .. key] = text(each.hold), waits
    end
    local fields = {'u:' .. key, text(each.total), 'b:' .. key, text(each.booked),
      'r:' .. key, text(each.hold), 'w:' .. key, waits, 'n:' .. key, text(each.newest)}
    if not each.is_late then fields[#fields + 1], fields[#fields + 2] = 'q:' .. key, text(each.granted) end
    if each.granted > 0 then
      local largest = math.max(each.granted, tonumber(session['g:' .. key] or '0'))
      fields[#fields + 1], fields[#fields + 2] = 'g:' .. key, text(largest)
    end
    if lost > 0 then
      lost = lost + tonumber(session['l:' .. key] or '0')
      fields[#fields + 1], fields[#fields + 2] = 'l:' .. key, text(lost)
    end
    if is_kept then redis.call('HSET', keys.session, unpack(fields)) end
  end
  return is_short
end
