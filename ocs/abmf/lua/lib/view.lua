-- What more units of one way cost, from a state of the event on (state.lua).

-- A way as it stands in the event: its part (of no unit, where it was not entered), and what all other parts
-- cost. What was computed last is remembered: `n` more units, their cost on the way's own axis, and what they
-- add to what is booked.
local function view_of(state, way)
  local view = state.view
  if view and view.way == way then return view end
  local parts, whole, rest = state.parts, 0, 0
  local part = parts[way.name]
  for i = 1, #parts do
    local each = parts[i]
    if each ~= part then whole, rest = whole + each.whole, rest + each.rest end
  end
  part = part or {name = way.name, units = 0, whole = 0, rest = 0}
  view = {way = way, part = part, whole = whole, rest = rest, n = -1, own = 0, own_rest = 0, more = 0}
  state.view = view
  return view
end

-- The exact cost of the event once the way has `n` more units.
local function exact(price, view, n)
  local whole, rest = cost(view.way.legs, price.denominator, view.part.units + n)
  return carried(view.whole + whole, view.rest + rest, price.denominator)
end

-- What `n` more units of the way add to what is booked.
local function increase(price, state, view, n)
  if view.n == n then return view.more end
  local denominator = price.denominator
  local own, own_rest = cost(view.way.legs, denominator, view.part.units + n)
  local more = rounded(price, carried(view.whole + own, view.rest + own_rest, denominator)) - state.booked
  if more < 0 then more = 0 end
  view.n, view.own, view.own_rest, view.more = n, own, own_rest, more
  return more
end

-- The same for units of a step that is begun: it was paid whole.
local function go_on(price, state, view, n)
  local part = view.part
  if part.legs ~= view.way.legs then return end
  local whole, rest = carried(view.whole + part.whole, view.rest + part.rest, price.denominator)
  local more = rounded(price, whole, rest) - state.booked
  view.n, view.own, view.own_rest, view.more = n, part.whole, part.rest, more > 0 and more or 0
end
