-- Lays units on the ways of a price, in order, as if one by one: a way is taken as far as its time, its
-- axis, its draws and its money reach. `free` is what may be taken of each source.

-- What is left of the step that is begun on one way, by its money and by its draws: nil where none is.
local function left_of(way, at)
  local legs, draws = way.legs, way.draws
  for i = 1, #legs do
    local leg = legs[i]
    if at >= leg.start and (at < leg.stop or i == #legs) then
      local left = nil
      if leg.price > 0 then left = (-(at - leg.start)) % leg.step end
      if at == leg.start and leg.entry > 0 then left = 0 end
      for d = 1, #draws do
        local draw = draws[d]
        if draw.step > 0 and draw.amount > 0 then
          local rest = (-at) % draw.step
          if not left or rest < left then left = rest end
        end
      end
      -- What is behind this leg has its own price, or none.
      if left and at < leg.stop and leg.stop - at < left then left = leg.stop - at end
      return left
    end
  end
end

-- A way on which a step is begun that is paid, and how many units it has left.
local function begun(price, state)
  local ways, parts = price.ways, state.parts
  for i = 1, #ways do
    local part = parts[ways[i].name]
    if part and part.units > 0 then
      local left = left_of(ways[i], part.units)
      if left and left > 0 then return ways[i], left end
    end
  end
end

-- Units until `moment` comes to `border`, a unit being `tick` milliseconds.
local function units_until(border, moment, tick, otherwise)
  if tick == 0 then return otherwise end
  return math.min(otherwise, math.ceil((border - moment) / tick))
end

-- The first way that can take the next unit, and how many of `most` from there on.
local function next_way(price, state, free, most, moment, tick, mode, floor)
  local ways, last = price.ways, mode == 'used' and last_way(price, moment)
  for number = 1, #ways do
    local way = ways[number]
    if way.begins > moment then
      most = units_until(way.begins, moment, tick, most)
    elseif is_served(way, moment) then
      local view, n = view_of(state, way), most
      if way.ends > 0 then n = units_until(way.ends, moment, tick, n) end
      local inside = way.legs[#way.legs].stop - view.part.units
      if inside > n then inside = n end
      if inside > 0 or way ~= last then n = inside
      else
        -- Past its end the last way serves as long as none behind it begins to.
        for i = number + 1, #ways do
          local begins = ways[i].begins
          if begins > moment then n = units_until(begins, moment, tick, n) end
        end
      end
      if n > 0 then
        local fits, is_short = fitting(price, state, view, free, n, mode, floor)
        if fits > 0 then return view, fits end
        if is_short and way.stops then return nil end
      end
    end
  end
end

-- Lays up to `wanted` units from the state on; returns how many. `at` is the moment of the first unit. `mode`:
-- 'used', what was used already; 'grant', bounded by the limit and by floors of ways, and ended by a way that is
-- apart; 'event', as a grant, all of it at one moment, and a way may be apart. `floor` is how far own money goes.
local function lay(price, state, free, wanted, at, mode, floor)
  local laid, tick = 0, mode == 'event' and 0 or price.tick
  while laid < wanted and #price.ways > 0 do
    local most = wanted - laid
    if mode ~= 'used' and price.limit > 0 and most > price.limit - state.units then
      most = price.limit - state.units
    end
    if most <= 0 then break end
    local way, n = begun(price, state)
    local view = way and view_of(state, way)
    if way then
      n = n < most and n or most
      go_on(price, state, view, n)
    else
      view, n = next_way(price, state, free, most, at + laid * tick, tick, mode, floor)
    end
    if not view then break end
    local before = state.laid[#state.laid]
    if mode == 'grant' and view.way.is_apart and before and before.name ~= view.way.name then break end
    take(price, state, free, view, n)
    laid = laid + n
  end
  return laid
end

-- Whether one more unit could be granted at a moment; nothing is taken.
local function can_go_on(price, state, free, at, floor)
  if price.limit > 0 and state.units >= price.limit then return false end
  if begun(price, state) then return true end
  return next_way(price, state, free, 1, at, price.tick, 'grant', floor) ~= nil
end
