-- How far one way reaches from a state of the event on (state.lua): its draws and its money.

-- A way as it stands in the event: its position, and what all other parts cost.
local function view_of(charge, state, way)
  local part = state.of[way.name]
  local view = {way = way, part = part, at = part and part.units or 0, whole = 0, rest = 0}
  for _, each in ipairs(state.parts) do
    if each ~= part then view.whole, view.rest = view.whole + each.whole, view.rest + each.rest end
  end
  return view
end

-- The exact cost of the event once the way has `n` more units.
local function exact(charge, view, n)
  local whole, rest = cost(view.way.legs, charge.denominator, view.at + n)
  return carried(view.whole + whole, view.rest + rest, charge.denominator)
end

-- What `n` more units of the way add to what is booked.
local function increase(charge, state, view, n)
  return math.max(rounded(charge, exact(charge, view, n)) - state.booked, 0)
end

-- What a draw takes for `n` more units, of which money is `more`.
local function drawn(draw, at, n, more)
  if draw.step == 0 then return more end
  local first = at == 0 and n > 0 and draw.entry or 0
  return first + (math.ceil((at + n) / draw.step) - math.ceil(at / draw.step)) * draw.amount
end

local function is_covered(charge, state, view, free, n)
  if #view.way.draws == 0 then return true end
  local more, sums = increase(charge, state, view, n), {}
  for _, draw in ipairs(view.way.draws) do
    local sum = (sums[draw.source] or 0) + drawn(draw, view.at, n, more)
    if sum > 0 and sum > free[draw.source] then return false end
    sums[draw.source] = sum
  end
  return true
end

-- What a way must have to take a unit after another one cost money: its price in whole quanta. What
-- rounding has left of the other's last quantum pays nothing for it, or whoever reports more often would
-- pay less. Who stood before the other and could not pay the least cost does not come in once it is paid.
local function alone(charge, state, view)
  if #state.parts == 0 or (state.last and state.last.name == view.way.name) then return 0 end
  local whole, rest = exact(charge, view, 0)
  if whole + rest == 0 then return 0 end
  local own, low = cost(view.way.legs, charge.denominator, view.at)
  local more, high = cost(view.way.legs, charge.denominator, view.at + 1)
  more = more - own + math.ceil((high - low) / charge.denominator)
  if more == 0 then return 0 end
  more = more + (-more) % charge.quantum
  for _, way in ipairs(state.last and charge.ways or {}) do
    if way.name == state.last.name then return more end
    if way.name == view.way.name then return math.max(more, charge.least) end
  end
  return more
end

local function money_of(view, free)
  local money = 0
  for _, source in ipairs(view.way.sources) do money = money + math.max(free[source], 0) end
  return money
end

-- Whether money pays `n` more units. A paid stretch needs one quantum even where it rounds to nothing.
local function is_paid(charge, state, view, free, n)
  local money = money_of(view, free)
  if increase(charge, state, view, n) > money then return false end
  if money + state.booked >= charge.quantum then return true end
  local whole, rest = exact(charge, view, 0)
  local whole_at, rest_at = exact(charge, view, n)
  return whole == whole_at and rest == rest_at
end

-- How many of `n` units the way can take; of none, whether money was what it lacked.
local function fitting(charge, state, view, free, n, is_grant)
  local way = view.way
  local function fits(units)
    return is_covered(charge, state, view, free, units) and is_paid(charge, state, view, free, units)
  end
  if not is_covered(charge, state, view, free, 1) then return 0, false end
  local needed = alone(charge, state, view)
  for _, draw in ipairs(way.draws) do
    if draw.step == 0 and free[draw.source] < needed then return 0, false end
  end
  if not view.part then
    if way.needs > 0 and free.main + charge.main_floor < way.needs then return 0, false end
    if is_grant and way.floor > 0 and not is_paid(charge, state, view, free, way.floor) then return 0, true end
  end
  if needed > 0 and money_of(view, free) < needed then return 0, true end
  if fits(n) then return n, false end
  if not is_paid(charge, state, view, free, 1) then return 0, true end
  local low, high = 1, n
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if fits(middle) then low = middle else high = middle end
  end
  return low, false
end
