-- How far an event is: `parts` in the order they were entered, each with the units on its own axis and
-- their exact cost; `units` in all, `booked` money; of this projection what was `taken` by source, `paid` in
-- money, and `laid` by way; `last` is the way that cost money last.

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

-- The parts of an event as a session keeps them.
local function packed_parts(charge, state)
  local parts = {}
  for i, each in ipairs(state.parts) do
    parts[i] = table.concat({each.name, text(each.units), text(each.whole), text(each.rest),
      text(charge.denominator)}, ' ')
  end
  return table.concat(parts, ';')
end

local function packed_laid(state)
  local parts = {}
  for i, each in ipairs(state.laid) do parts[i] = each.name .. ' ' .. text(each.units) end
  return table.concat(parts, ';')
end
