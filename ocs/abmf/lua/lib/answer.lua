-- What a request leaves behind besides moved amounts: its stored answer, or a record of its usage.

-- The answer of a request as it is stored for a repeat: content|status|reply|total|results.
local function pack(content, status, reply, total, charges)
  local results = {}
  for i, charge in ipairs(charges) do
    results[i] = table.concat({charge.key, charge.status, text(charge.granted), text(charge.final)}, ' ')
  end
  return table.concat({content, status, reply, text(total), table.concat(results, ';')}, '|')
end

-- Usage that no session takes is kept for the books; nothing is debited.
local function keep_orphans(ledger, charges, account, entry)
  for _, charge in ipairs(charges) do
    if charge.used > 0 then
      redis.call('XADD', ledger, '*', 'kind', 'orphan', 'account', account, 'actor', entry.actor,
        'reason', entry.reason, 'session', entry.session, 'request', entry.request,
        'key', charge.key, 'units', text(charge.used))
    end
  end
end
