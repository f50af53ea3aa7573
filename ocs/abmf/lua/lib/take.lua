-- Takes what is laid, way after way (lay.lua), and what is left over.

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

-- Units until `moment` comes to `border`, a unit being `tick` milliseconds.
local function units_until(border, moment, tick, otherwise)
  if tick == 0 then return otherwise end
  return math.min(otherwise, math.ceil((border - moment) / tick))
end

-- The first way that can take the next unit, and how many of `most` from there on.
local function next_way(charge, state, free, most, moment, how)
  local last = not how.is_grant and last_way(charge, moment)
  for number, way in ipairs(charge.ways) do
    if way.begins > moment then
      most = units_until(way.begins, moment, how.tick, most)
    elseif is_served(way, moment) then
      local view, n = view_of(charge, state, way), most
      if way.ends > 0 then n = units_until(way.ends, moment, how.tick, n) end
      local inside = math.min(n, way.legs[#way.legs].stop - view.at)
      if inside > 0 or way ~= last then n = inside
      else
        -- Past its end the last way serves as long as none behind it begins to.
        for i = number + 1, #charge.ways do
          local begins = charge.ways[i].begins
          if begins > moment then n = units_until(begins, moment, how.tick, n) end
        end
      end
      if n > 0 then
        local fits, is_short = fitting(charge, state, view, free, n, how.is_grant)
        if fits > 0 then return view, fits end
        if is_short and way.stops then return nil end
      end
    end
  end
end

-- Lays up to `wanted` units from the state on; returns how many. `how`: the moment of the first unit
-- (`at`), milliseconds of each (`tick`), `is_grant` (bounded by the limit, and floors hold), and `is_apart`
-- (a way that is apart ends it).
local function lay(charge, state, free, wanted, how)
  local laid = 0
  while laid < wanted and #charge.ways > 0 do
    local most = wanted - laid
    if how.is_grant and charge.limit > 0 then most = math.min(most, charge.limit - state.units) end
    if most <= 0 then break end
    local way, n = begun(charge, state)
    local view = way and view_of(charge, state, way)
    if way then n = math.min(n, most)
    else view, n = next_way(charge, state, free, most, how.at + laid * how.tick, how) end
    local before = state.laid[#state.laid]
    if not view or (how.is_apart and view.way.is_apart and before and before.name ~= view.way.name) then break end
    take(charge, state, free, view, n)
    laid = laid + n
  end
  return laid
end

-- Whether one more unit could be granted; nothing is taken.
local function can_go_on(charge, state, free, how)
  if charge.limit > 0 and state.units >= charge.limit then return false end
  return (begun(charge, state) or next_way(charge, state, free, 1, how.at, how)) ~= nil
end

-- Puts `n` units, the first of them used at `moment`, on the last way; returns the money that nobody paid.
-- No more of it than `room` is booked.
local function overrun(charge, state, free, n, moment, room)
  local lost = take(charge, state, free, view_of(charge, state, last_way(charge, moment)), n)
  local over = math.max(lost - room, 0)
  state.booked = state.booked - over
  return lost - over
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
