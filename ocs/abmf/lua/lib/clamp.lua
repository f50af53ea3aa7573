-- Reports of what cannot have been used: the excess is told apart before anything is settled.

-- More seconds than passed since the first grant, more octets than four times the largest grant: nobody used
-- that. A minute is for clocks that differ; the rest of such a report is not charged.
local CLAMP_SECONDS, CLAMP_GRANTS = 60, 4

-- No event has more units of a service: above 2^53 there are none that one could be added to, and whoever
-- lays them step by step comes to no end.
local CLAMP_UNITS = 2 ^ 52

-- Whether so many units of the last way cost less than CLAMP_LOST by far, told without their cost: nearly all
-- reports do. What is booked may be behind the exact cost of the parts.
local function is_cheap(price, state, used)
  local way = price.ways[#price.ways]
  local part, ahead = state.parts[way.name], -state.booked
  if used > price.cheap or (part and part.legs ~= way.legs) then return false end
  for i = 1, #state.parts do ahead = ahead + state.parts[i].whole end
  return ahead + price.quantum + price.least < CLAMP_LOST / 4
end

-- The most of what is reported that, laid on the last way alone, costs no more than `money`.
local function within(price, state, used, money)
  if used <= 0 or #price.ways == 0 or is_cheap(price, state, used) then return used end
  local view = view_of(state, price.ways[#price.ways])
  if increase(price, state, view, used) <= money then return used end
  local low, high = 0, used
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if increase(price, state, view, middle) <= money then low = middle else high = middle end
  end
  return low
end

-- Takes the excess off every report; returns how much it was.
local function clamp(charges, session, now, at, balance)
  local sum, money = 0, CLAMP_LOST + (balance > 0 and balance or 0)
  for i = 1, #charges do
    local charge = charges[i]
    local price, service, used = charge.price, charge.service, charge.used
    local most = used
    if price.unit == 'seconds' and session.first > 0 then
      -- The later of both clocks: who sent its own time first need not send it again.
      local passed = math.max(math.floor((math.max(at, now) - session.first) / 1000), 0)
      most = math.max(passed + CLAMP_SECONDS - (service and service.units or 0), 0)
    elseif price.unit == 'octets' and service and service.largest > 0 then
      most = CLAMP_GRANTS * service.largest
    end
    most = math.min(most, math.max(CLAMP_UNITS - (service and service.units or 0), 0))
    most = within(price, charge.state, most < used and most or used, money)
    if most < used then
      charge.clamped, charge.used = used - most, most
      sum = sum + charge.clamped
    end
  end
  return sum
end
