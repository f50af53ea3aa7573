-- Lays units on the ways of a charge, in order, as if one by one: a way is taken as far as its time, its
-- axis, its draws and its money reach.
--
-- `state` is how far an event is: `parts` in the order they were entered, each with the units on its own
-- axis and their exact cost; `units` in all, `booked` money; of this projection what was `taken` by
-- source, `paid` in money, and `laid` by way; `last` is the way that cost money last. `free` is what may be taken of each source.

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
    if way and part.whole + part.rest > 0 then state.last = way end
  end
  return state
end

-- A copy to try on; nothing is taken in it yet.
local function projection_of(state)
  local copy = {parts = {}, of = {}, units = state.units, booked = state.booked, taken = {}, paid = 0,
    laid = {}, last = state.last}
  for i, each in ipairs(state.parts) do
    local part = {name = each.name, units = each.units, whole = each.whole, rest = each.rest}
    copy.parts[i], copy.of[each.name] = part, part
  end
  return copy
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
