-- How far one way reaches from a state of the event on (state.lua): its draws and its money.

-- What a draw takes for `n` more units, of which money is `more`.
local function drawn(draw, at, n, more)
  if draw.step == 0 then return more end
  local first = at == 0 and n > 0 and draw.entry or 0
  return first + (steps_of(at + n, draw.step) - steps_of(at, draw.step)) * draw.amount
end

local function is_covered(price, state, view, free, n)
  local draws = view.way.draws
  if #draws == 0 then return true end
  local more, sums = increase(price, state, view, n), {}
  for i = 1, #draws do
    local draw = draws[i]
    local sum = (sums[draw.source] or 0) + drawn(draw, view.part.units, n, more)
    if sum > 0 and sum > free[draw.source] then return false end
    sums[draw.source] = sum
  end
  return true
end

-- What a way must have to take a unit after another one cost money: its price in whole quanta. What
-- rounding has left of the other's last quantum pays nothing for it, or whoever reports more often would
-- pay less. Who stood before the other and could not pay the least cost does not come in once it is paid.
local function alone(price, state, view)
  if #state.parts == 0 or (state.last and state.last.name == view.way.name) then return 0 end
  local whole, rest = exact(price, view, 0)
  if whole + rest == 0 then return 0 end
  local at = view.part.units
  local own, low = cost(view.way.legs, price.denominator, at)
  local more, high = cost(view.way.legs, price.denominator, at + 1)
  more = more - own + math.ceil((high - low) / price.denominator)
  if more == 0 then return 0 end
  more = more + (-more) % price.quantum
  for _, way in ipairs(state.last and price.ways or {}) do
    if way.name == state.last.name then return more end
    if way.name == view.way.name then return math.max(more, price.least) end
  end
  return more
end

local function money_of(view, free)
  local sources, money = view.way.sources, 0
  for i = 1, #sources do
    local amount = free[sources[i]]
    if amount > 0 then money = money + amount end
  end
  return money
end

-- Whether money pays `n` more units. A paid stretch needs one quantum even where it rounds to nothing.
local function is_paid(price, state, view, free, n)
  local money = money_of(view, free)
  if increase(price, state, view, n) > money then return false end
  if money + state.booked >= price.quantum then return true end
  local whole, rest = exact(price, view, 0)
  local whole_at, rest_at = exact(price, view, n)
  return whole == whole_at and rest == rest_at
end

local function fits(price, state, view, free, n)
  return is_covered(price, state, view, free, n) and is_paid(price, state, view, free, n)
end

-- How many of `n` units the way can take; of none, whether money was what it lacked. `mode` and `floor` as
-- in `lay`.
local function fitting(price, state, view, free, n, mode, floor)
  local way = view.way
  if not is_covered(price, state, view, free, 1) then return 0, false end
  local needed = alone(price, state, view)
  for i = 1, #way.draws do
    local draw = way.draws[i]
    if draw.step == 0 and free[draw.source] < needed then return 0, false end
  end
  if not state.parts[way.name] then
    if way.needs > 0 and free.main + floor < way.needs then return 0, false end
    if mode ~= 'used' and way.floor > 0 and not is_paid(price, state, view, free, way.floor) then
      return 0, true
    end
  end
  if needed > 0 and money_of(view, free) < needed then return 0, true end
  if fits(price, state, view, free, n) then return n, false end
  if not is_paid(price, state, view, free, 1) then return 0, true end
  local low, high = 1, n
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if fits(price, state, view, free, middle) then low = middle else high = middle end
  end
  return low, false
end
