-- Takes what is laid on a way (lay.lua), and what no way takes.

-- Takes `wanted` of a source, as far as it is there; returns how much.
local function take_from(state, free, source, wanted)
  local amount = free[source]
  if amount > wanted then amount = wanted end
  if amount <= 0 then return 0 end
  free[source] = free[source] - amount
  state.taken[source] = (state.taken[source] or 0) + amount
  return amount
end

-- The exact cost of a part is another now: the one that cost money last stands at the end.
local function put_last(state, part)
  local parts = state.parts
  local count = #parts
  if parts[count] == part then return end
  for i = count, 1, -1 do
    if parts[i] == part then table.remove(parts, i) end
  end
  parts[count] = part
end

-- Puts `n` units on a way: its part, its draws and its money. Returns the money that nobody paid, which
-- is none unless more was put than fits.
local function take(price, state, free, view, n)
  local way, part = view.way, view.part
  local more, at = increase(price, state, view, n), part.units
  local left, draws, sources = more, way.draws, way.sources
  for i = 1, #draws do take_from(state, free, draws[i].source, drawn(draws[i], at, n, more)) end
  for i = 1, #sources do
    if left > 0 then left = left - take_from(state, free, sources[i], left) end
  end
  if not state.parts[way.name] then add_part(state, part) end
  part.units = at + n
  if part.whole ~= view.own or part.rest ~= view.own_rest then
    part.whole, part.rest, state.last = view.own, view.own_rest, way
    put_last(state, part)
  end
  part.legs = way.legs
  state.units, state.booked, state.paid = state.units + n, state.booked + more, state.paid + more - left
  local laid = state.laid[#state.laid]
  if laid and laid.name == way.name then laid.units = laid.units + n
  else state.laid[#state.laid + 1] = {name = way.name, units = n} end
  view.n = -1  -- what was computed stands no longer; what the other parts cost does
  return left
end

-- Whether a way serves at a moment.
local function is_served(way, moment)
  return moment >= way.begins and (way.ends == 0 or moment < way.ends)
end

-- The way that takes what nothing else does.
local function last_way(price, moment)
  local ways = price.ways
  for i = #ways, 1, -1 do
    if is_served(ways[i], moment) then return ways[i] end
  end
  return ways[#ways]
end

-- Puts `n` units, the first of them used at `moment`, on the last way; returns the money that nobody paid.
-- No more of it than `room` is booked.
local function overrun(price, state, free, n, moment, room)
  local lost = take(price, state, free, view_of(state, last_way(price, moment)), n)
  local over = math.max(lost - room, 0)
  state.booked = state.booked - over
  return lost - over
end
