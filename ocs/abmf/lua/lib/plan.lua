-- Settles what was used, grants what can be paid. Only arithmetic: the amounts it decides on are written
-- by the caller, after everything that may fail.

-- Marks the charges of an update that a newer one of their service has overtaken: they report, and the
-- quota of the newer one stands (RFC 8506, 8.2: numbers may arrive in any order).
local function mark_late(charges, session, kind, number)
  number = tonumber(number:match('^%d+'))
  for _, charge in ipairs(charges) do
    local newest = tonumber(session['n:' .. charge.key] or '-1')
    charge.newest = math.max(number, newest)
    charge.is_late = kind == 'U' and number < newest
  end
end

-- Where each charge's event stands before this request.
local function recollect(charges, session)
  for _, charge in ipairs(charges) do
    local key = charge.key
    charge.held, charge.last = read_amounts(session['r:' .. key]), tonumber(session['q:' .. key] or '0')
    charge.state = state_of(charge, session['p:' .. key], tonumber(session['u:' .. key] or '0'),
      tonumber(session['b:' .. key] or '0'))
  end
end

-- Of time, each unit has its own moment; of everything else there is one for all.
local function tick_of(charge)
  return charge.unit == 'seconds' and 1000 or 0
end

-- Lays what each charge has used on its ways. A charge draws on what it holds itself and on what nobody
-- holds, so that one service's overuse cannot take another's quota; what is left over then may be paid
-- from what all of them gave back. What still remains goes on the last way, and what money does not pay
-- of it is lost. `room` is how much more the account's sums can count: an absurd report must not stop
-- half-way.
local function settle(charges, account, free, at, room)
  local function lay_used(charge)
    local tick = tick_of(charge)
    local first = (charge.used_at > 0 and charge.used_at or at) - charge.used * tick
    local how = {at = first + charge.done * tick, tick = tick}
    charge.done = charge.done + lay(charge, charge.state, free, charge.used - charge.done, how)
    charge.moment = first + charge.done * tick
  end
  for _, charge in ipairs(charges) do
    charge.done, charge.lost = 0, 0
    give_back(account, free, charge.held)
    if #charge.ways > 0 and charge.used > 0 then lay_used(charge) end
  end
  for _, charge in ipairs(charges) do
    if #charge.ways > 0 and charge.done < charge.used then
      lay_used(charge)
      local rest = charge.used - charge.done
      if rest > 0 then
        charge.lost = overrun(charge, charge.state, free, rest, charge.moment, room)
        room = room - charge.lost
      end
    end
  end
end

-- Lays a grant on a copy of the state: what it takes there is what the charge holds.
local function project(charge, free, wanted, at)
  charge.ahead = projection_of(charge.state)
  local how = {at = at, tick = tick_of(charge), is_grant = true, is_apart = true}
  local granted = lay(charge, charge.ahead, free, wanted, how)
  charge.hold = charge.ahead.taken
  return granted
end

-- What the newer request holds stands, as far as it is still there: laid anew, or as it was where there is
-- no price now.
local function keep_hold(charge, free, at)
  if not next(charge.held) then return end
  if #charge.ways > 0 then
    project(charge, free, charge.last, at)
    return
  end
  for source, amount in pairs(charge.held) do
    charge.hold[source] = math.min(amount, math.max(free[source] or 0, 0))
    free[source] = (free[source] or 0) - charge.hold[source]
  end
end

-- Names what becomes of each charge and what it may hold; returns whether anything was asked for, and
-- whether anything was granted.
local function grant(charges, free, at, is_open, is_cut)
  local is_asked, is_granted = false, false
  for _, charge in ipairs(charges) do
    charge.status = 'settled'
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if is_open and charge.is_late then
      keep_hold(charge, free, at)
    elseif is_open and charge.requested >= 0 then
      is_asked = true
      if is_cut then charge.status = 'denied'
      elseif charge.refusal ~= '' then charge.status = charge.refusal
      else
        charge.granted = project(charge, free, charge.requested, at)
        charge.status = charge.granted > 0 and 'granted' or 'no_credit'
      end
      if charge.granted > 0 then
        is_granted = true
        charge.way = charge.ahead.laid[#charge.ahead.laid].name
      end
    end
  end
  for _, charge in ipairs(charges) do
    if charge.granted > 0 then
      local tick = tick_of(charge)
      local how = {at = at + charge.granted * tick, tick = tick, is_grant = true}
      charge.final = can_go_on(charge, charge.ahead, free, how) and 0 or 1
    end
  end
  return is_asked, is_granted
end
