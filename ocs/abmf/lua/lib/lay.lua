-- Lays units on the ways of a charge, in order, as if one by one: a way is taken as far as its time, its
-- axis, its draws and its money reach. `free` is what may be taken of each source.

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
