-- How far an event is: `parts` in the order they were entered, each with the units on its own axis and their
-- exact cost, by the legs that told it, and each under its name as well; `units` in all, `booked` money; of
-- this projection what was `taken` by source, `paid` in money, and `laid` by way; `last` is the way that cost
-- money last, `view` the last view of it (view.lua).

local function new_state(units, booked)
  return {parts = {}, units = units, booked = booked, taken = {}, paid = 0, laid = {}, last = nil, view = nil}
end

local function add_part(state, part)
  state.parts[#state.parts + 1], state.parts[part.name] = part, part
end

-- The state as a session keeps it. A way that is no longer in the plan keeps its cost, whole micros of it
-- where the denominators differ.
local function state_of(price, packed, units, booked)
  local state = new_state(units, booked)
  for name, n, whole, rest, denominator in packed:gmatch('([^ ;]+) (%d+) (%d+) (%d+) (%d+)') do
    local way = price.named[name]
    local part = {name = name, units = tonumber(n), whole = 0, rest = 0, legs = way and way.legs}
    if way then part.whole, part.rest = cost(way.legs, price.denominator, part.units)
    else
      part.whole = tonumber(whole)
      part.rest = tonumber(denominator) == price.denominator and tonumber(rest) or 0
    end
    add_part(state, part)
    if way and part.whole + part.rest > 0 then state.last = way end
  end
  return state
end

-- A copy to try on; nothing is taken in it yet.
local function projection_of(state)
  local copy = new_state(state.units, state.booked)
  copy.last = state.last
  for i = 1, #state.parts do
    local each = state.parts[i]
    add_part(copy, {name = each.name, units = each.units, whole = each.whole, rest = each.rest, legs = each.legs})
  end
  return copy
end

-- The parts of an event as a session keeps them.
local function packed_parts(price, state)
  local parts = {}
  for i = 1, #state.parts do
    local each = state.parts[i]
    parts[i] = ('%s %d %.0f %d %d'):format(each.name, each.units, each.whole, each.rest, price.denominator)
  end
  return parts[2] and table.concat(parts, ';') or parts[1] or ''
end

local function packed_laid(state)
  local first = state.laid[1]
  if not first then return '' end
  local found = first.name .. ' ' .. text(first.units)
  for i = 2, #state.laid do
    found = found .. ';' .. state.laid[i].name .. ' ' .. text(state.laid[i].units)
  end
  return found
end
