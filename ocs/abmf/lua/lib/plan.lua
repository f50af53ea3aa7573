-- Settles what was used, grants what can be paid. Only arithmetic: the amounts it decides on are written
-- by the caller, after everything that may fail.

-- Where each charge's event stands before this request.
local function recollect(charges, session)
  for i = 1, #charges do
    local charge = charges[i]
    local service = session.services[charge.key]
    if service then
      charge.service, charge.held = service, read_amounts(service.held)
      charge.state = state_of(charge.price, service.parts, service.units, service.booked)
    else
      charge.held, charge.state = {}, new_state(0, 0)
    end
  end
end

-- Marks the charges of an update that a newer one of their service has overtaken: they report, and the
-- quota of the newer one stands (RFC 8506, 8.2: numbers may arrive in any order).
local function mark_late(charges, kind, number)
  for i = 1, #charges do
    local charge = charges[i]
    local newest = charge.service and charge.service.newest or -1
    charge.is_late = kind == 'U' and number < newest
  end
end

-- Lays what is left of a report on the ways; returns when the next unit was used.
local function lay_used(charge, free, at, floor)
  local price = charge.price
  local first = (charge.used_at > 0 and charge.used_at or at) - charge.used * price.tick
  local moment = first + charge.done * price.tick
  charge.done = charge.done + lay(price, charge.state, free, charge.used - charge.done, moment, 'used', floor)
  return first + charge.done * price.tick
end

-- Lays what each charge has used on its ways. A charge draws on what it holds itself and on what nobody
-- holds, so that one service's overuse cannot take another's quota; what is left over then may be paid
-- from what all of them gave back. What still remains goes on the last way, and what money does not pay
-- of it is lost. No more of it is booked than the account's sums can count: an absurd report must not
-- stop half-way.
local function settle(charges, account, free, at, floor)
  local room = LIMIT - account.credited
  for i = 1, #charges do
    local charge = charges[i]
    give_back(account, free, charge.held)
    if charge.used > 0 and #charge.price.ways > 0 then lay_used(charge, free, at, floor) end
  end
  for i = 1, #charges do
    local charge = charges[i]
    if charge.done < charge.used and #charge.price.ways > 0 then
      local moment = lay_used(charge, free, at, floor)
      local rest = charge.used - charge.done
      if rest > 0 then
        charge.lost = overrun(charge.price, charge.state, free, rest, moment, room)
        room = room - charge.lost
      end
    end
  end
end

-- Lays a grant on a copy of the state: what it takes there is what the charge holds.
local function project(charge, free, wanted, at, floor)
  charge.ahead = projection_of(charge.state)
  charge.hold = charge.ahead.taken
  return lay(charge.price, charge.ahead, free, wanted, at, 'grant', floor)
end

-- What the newer request holds stands, as far as it is still there: laid anew, or as it was where there is
-- no price now.
local function keep_hold(charge, free, at, floor)
  if not next(charge.held) then return end
  if #charge.price.ways > 0 then
    project(charge, free, charge.service.granted, at, floor)
    return
  end
  for source, amount in pairs(charge.held) do
    charge.hold[source] = math.min(amount, math.max(free[source] or 0, 0))
    free[source] = (free[source] or 0) - charge.hold[source]
  end
end

-- Names what becomes of each charge and what it may hold; returns whether anything was asked for, and
-- whether anything was granted.
local function grant(charges, free, at, floor, is_open, is_cut)
  local is_asked, is_granted = false, false
  for i = 1, #charges do
    local charge = charges[i]
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if is_open and charge.is_late then
      keep_hold(charge, free, at, floor)
    elseif is_open and charge.requested >= 0 then
      is_asked = true
      if is_cut then charge.status = 'denied'
      elseif charge.refusal ~= '' then charge.status = charge.refusal
      else
        charge.granted = project(charge, free, charge.requested, at, floor)
        charge.status = charge.granted > 0 and 'granted' or 'no_credit'
      end
      is_granted = is_granted or charge.granted > 0
    end
  end
  for i = 1, #charges do
    local charge = charges[i]
    if charge.granted > 0 then
      local moment = at + charge.granted * charge.price.tick
      charge.final = can_go_on(charge.price, charge.ahead, free, moment, floor) and 0 or 1
    end
  end
  return is_asked, is_granted
end
