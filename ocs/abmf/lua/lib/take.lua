-- Takes what is laid on a way (lay.lua), and what no way takes.

-- Puts `n` units on a way: its part, its draws and its money. Returns the money that nobody paid, which
-- is none unless more was put than fits.
local function take(charge, state, free, view, n)
  local way, part = view.way, view.part
  local more = increase(charge, state, view, n)
  local left = more
  local function from(source, amount)
    if amount > 0 then
      free[source] = free[source] - amount
      state.taken[source] = (state.taken[source] or 0) + amount
    end
  end
  for _, draw in ipairs(way.draws) do
    from(draw.source, math.min(drawn(draw, view.at, n, more), math.max(free[draw.source], 0)))
  end
  for _, source in ipairs(way.sources) do
    local amount = math.min(left, math.max(free[source], 0))
    from(source, amount)
    left = left - amount
  end
  if not part then
    part = {name = way.name, units = 0}
    state.parts[#state.parts + 1], state.of[way.name] = part, part
  end
  local whole, rest = part.whole or 0, part.rest or 0
  part.units = part.units + n
  part.whole, part.rest = cost(way.legs, charge.denominator, part.units)
  if part.whole ~= whole or part.rest ~= rest then
    -- The one that cost money last stands at the end.
    state.last = way
    for i = #state.parts, 1, -1 do
      if state.parts[i] == part then table.remove(state.parts, i) end
    end
    state.parts[#state.parts + 1] = part
  end
  state.units, state.booked, state.paid = state.units + n, state.booked + more, state.paid + more - left
  local laid = state.laid[#state.laid]
  if laid and laid.name == way.name then laid.units = laid.units + n
  else state.laid[#state.laid + 1] = {name = way.name, units = n} end
  return left
end

-- Whether a way serves at a moment.
local function is_served(way, moment)
  return moment >= way.begins and (way.ends == 0 or moment < way.ends)
end

-- The way that takes what nothing else does.
local function last_way(charge, moment)
  for i = #charge.ways, 1, -1 do
    if is_served(charge.ways[i], moment) then return charge.ways[i] end
  end
  return charge.ways[#charge.ways]
end

-- Puts `n` units, the first of them used at `moment`, on the last way; returns the money that nobody paid.
-- No more of it than `room` is booked.
local function overrun(charge, state, free, n, moment, room)
  local lost = take(charge, state, free, view_of(charge, state, last_way(charge, moment)), n)
  local over = math.max(lost - room, 0)
  state.booked = state.booked - over
  return lost - over
end
