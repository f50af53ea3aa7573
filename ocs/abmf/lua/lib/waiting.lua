-- Which open sessions of an account wait for money, and which hold some.

-- More sessions than this are not re-authorised because of one call.
local OTHERS_AT_MOST = 20

-- Its mark among the account's open ones: `w` while one of its services waits for money, `h` while one
-- holds some, `wh`, or `0`.
local function mark_of(session)
  if session.waits > 0 then return session.holds > 0 and 'wh' or 'w' end
  return session.holds > 0 and 'h' or '0'
end

-- How many of the account's open sessions wait: one did before, or does now.
local function count_waiting(account, before, after)
  if before ~= after then
    account.waits = account.waits + (after and 1 or -1)
    redis.call('HSET', account.key, 'waits', text(account.waits))
  end
end

-- The account's open sessions besides `session_id` that carry one of the marks. `own` is how many of
-- those indexed are the caller's. An account of which nobody waits costs nothing.
local function others(account, open, session_id, own, marks)
  local found = {}
  if marks == '' or (marks == 'w' and account.waits == 0) then return found end
  if redis.call('HLEN', open) <= own then return found end
  local flat = redis.call('HGETALL', open)
  for i = 1, #flat, 2 do
    if #found < OTHERS_AT_MOST and flat[i] ~= session_id and flat[i + 1]:find('[' .. marks .. ']') then
      found[#found + 1] = flat[i]
    end
  end
  return found
end

-- Whom a request wakes: money that came back is for those who wait; where it ends here, others may hold more
-- than they use. `before` is what was free, false where nobody waits.
local function woken(account, open, session_id, status, sources, before, is_short)
  local is_more = before and is_any_above(free_of(account, sources), before)
  local marks = (is_more and 'w' or '') .. (is_short and 'h' or '')
  return others(account, open, session_id, status == 'charged' and 1 or 0, marks)
end
