-- Lays units on the ways of a charge, in order, as if one by one: a way is taken as far as its time, its
-- axis, its draws and its money reach.
--
-- `state` is how far an event is: `parts` in the order they were entered, each with the units on its own
-- axis and their exact cost; `units` in all, `booked` money; of this projection what was `taken` by
-- source, `paid` in money, and `laid` by way. `free` is what may be taken of each source.

-- The state as a session keeps it. A way that is no longer in the plan keeps its cost, whole micros of it
-- where the denominators differ.
local function state_of(charge, packed, units, booked)
  local state = {parts = {}, of = {}, units = units, booked = booked, taken = {}, paid = 0, laid = {}}
  if not packed and units > 0 and #charge.ways > 0 then
    packed = charge.ways[1].name .. ' ' .. text(units) .. ' 0 0 1'
  end
  for name, n, whole, rest, denominator in (packed or ''):gmatch('([^ ;]+) (%d+) (%d+) (%d+) (%d+)') do
    local part = {name = name, units = tonumber(n), whole = tonumber(whole), rest = tonumber(rest)}
    local way = charge.named[name]
    if way then part.whole, part.rest = cost(way.legs, charge.denominator, part.units)
    elseif tonumber(denominator) ~= charge.denominator then part.rest = 0 end
    state.parts[#state.parts + 1], state.of[name] = part, part
  end
  return state
end

-- A copy to try on; nothing is taken in it yet.
local function projection_of(state)
  local copy = {parts = {}, of = {}, units = state.units, booked = state.booked, taken = {}, paid = 0,
    laid = {}}
  for i, each in ipairs(state.parts) do
    local part = {name = each.name, units = each.units, whole = each.whole, rest = each.rest}
    copy.parts[i], copy.of[each.name] = part, part
  end
  return copy
end

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

-- Whether money pays `n` more units. A paid stretch needs one quantum even where it rounds to nothing.
local function is_paid(charge, state, view, free, n)
  local money = 0
  for _, source in ipairs(view.way.sources) do money = money + math.max(free[source], 0) end
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
  if not view.part then
    if way.needs > 0 and free.main + charge.main_floor < way.needs then return 0, false end
    if is_grant and way.floor > 0 and not is_paid(charge, state, view, free, way.floor) then return 0, true end
  end
  if fits(n) then return n, false end
  if not is_paid(charge, state, view, free, 1) then return 0, true end
  local low, high = 1, n
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if fits(middle) then low = middle else high = middle end
  end
  return low, false
end

-- A way on which a step is begun that is paid, and how many units it has left.
local function begun(charge, state)
  for _, way in ipairs(charge.ways) do
    local part = state.of[way.name]
    if part and part.units > 0 then
      local at, left = part.units, nil
      for i, leg in ipairs(way.legs) do
        if at >= leg.start and (at < leg.stop or i == #way.legs) then
          if leg.price > 0 then left = (-(at - leg.start)) % leg.step end
          if at == leg.start and leg.entry > 0 then left = 0 end
          for _, draw in ipairs(way.draws) do
            if draw.step > 0 and draw.amount > 0 then
              local rest = (-at) % draw.step
              left = math.min(left or rest, rest)
            end
          end
          -- What is behind this leg has its own price, or none.
          if left and at < leg.stop then left = math.min(left, leg.stop - at) end
          break
        end
      end
      if left and left > 0 then return way, left end
    end
  end
end
