-- Reads the charges of a plan, settles what was used, grants what can be paid. Only arithmetic: the
-- amounts it decides on are written by the caller, after everything that may fail.

local function parse_charges(args, from)
  local charges, at = {}, from + 1
  for i = 1, tonumber(args[from]) do
    local charge = {
      key = args[at], used = tonumber(args[at + 1]), requested = tonumber(args[at + 2]),
      refusal = args[at + 3], unit = args[at + 4], mode = args[at + 5], quantum = tonumber(args[at + 6]),
      denominator = tonumber(args[at + 7]), grace = tonumber(args[at + 8]), legs = {}, granted = 0, hold = 0,
      final = 0, clamped = 0,
    }
    local legs = tonumber(args[at + 9])
    at = at + 10
    for l = 1, legs do
      charge.legs[l] = {
        start = tonumber(args[at]), stop = tonumber(args[at + 1]), step = tonumber(args[at + 2]),
        price = tonumber(args[at + 3]), entry = tonumber(args[at + 4]),
      }
      at = at + 5
    end
    charges[i] = charge
  end
  return charges
end

-- Whether no service that is asked for has a price.
local function is_unrated(charges)
  for _, each in ipairs(charges) do
    if each.refusal ~= 'rating_failed' then return false end
  end
  return #charges > 0
end

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

-- What each charge has used, owes and is paid; returns the money that is free afterwards. A charge
-- draws on its own reservation first, so that one service's overuse cannot take another's quota.
-- `room` is how much more the account's sums can count: an absurd report must not stop half-way.
local function settle(charges, session, free, room)
  for _, charge in ipairs(charges) do
    charge.before = tonumber(session['u:' .. charge.key] or '0')
    charge.booked = tonumber(session['b:' .. charge.key] or '0')
    charge.held = tonumber(session['r:' .. charge.key] or '0')
    charge.last = tonumber(session['q:' .. charge.key] or '0')
    -- Usage without a price has no place on the axis.
    charge.total = charge.before + (#charge.legs > 0 and math.max(charge.used, 0) or 0)
    charge.owed, charge.paid = 0, 0
    if charge.used >= 0 and #charge.legs > 0 then
      charge.owed = math.min(math.max(rounded(charge, charge.total) - charge.booked, 0), room)
      room = room - charge.owed
      charge.paid = math.min(charge.owed, charge.held)
    end
    free = free + charge.held - charge.paid
  end
  for _, charge in ipairs(charges) do
    local more = math.min(charge.owed - charge.paid, free)
    charge.paid, free = charge.paid + more, free - more
    charge.booked = charge.booked + charge.owed
  end
  return free
end

-- Names what becomes of each charge and what it may hold; returns the free money afterwards, whether
-- anything was asked for, and whether anything was granted.
local function grant(charges, free, is_open, is_cut)
  local is_asked, is_granted = false, false
  for _, charge in ipairs(charges) do
    charge.status = 'settled'
    if charge.refusal == 'rating_failed' then charge.status = 'rating_failed' end
    if is_open and charge.is_late then
      local cost = charge.held
      if #charge.legs > 0 then cost = rounded(charge, charge.total + charge.last) - charge.booked end
      charge.hold = charge.held > 0 and math.min(math.max(cost, 0), free) or 0
      free = free - charge.hold
    elseif is_open and charge.requested >= 0 then
      is_asked = true
      if is_cut then charge.status = 'denied'
      elseif charge.refusal ~= '' then charge.status = charge.refusal
      else
        local money = free + charge.booked
        charge.granted = affordable(charge, charge.total, charge.requested, money)
        charge.status = charge.granted > 0 and 'granted' or 'no_credit'
      end
      if charge.granted > 0 then
        is_granted = true
        charge.hold = math.max(rounded(charge, charge.total + charge.granted) - charge.booked, 0)
        free = free - charge.hold
      end
    end
  end
  for _, charge in ipairs(charges) do
    if charge.granted > 0 then
      local money = free + charge.hold + charge.booked
      local stop = charge.total + charge.granted
      charge.final = can_pay(charge, stop, stop + 1, money) and 0 or 1
    end
  end
  return free, is_asked, is_granted
end
