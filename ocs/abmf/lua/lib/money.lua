-- Exact money from integer legs: a cost is `whole` micros and a `rest` over the price's denominator.
-- Lua numbers are doubles: every product here stays below 2^53, because the catalogue refuses a
-- price with price * denominator >= 2^53. A cost of 2^53 or more is no longer exact; it is far above
-- what an account can hold, and `settle` books no more than that.

-- a * b / c as quotient and remainder, for b * c < 2^53.
local function muldiv(a, b, c)
  local low = a % c
  local product = low * b
  local rest = product % c
  return (a - low) / c * b + (product - rest) / c, rest
end

-- whole + rest/denominator with a rest below the denominator.
local function carried(whole, rest, denominator)
  if rest < denominator then return whole, rest end
  local low = rest % denominator
  return whole + (rest - low) / denominator, low
end

-- How many steps are begun by `units`.
local function steps_of(units, step)
  local over = units % step
  if over > 0 then return (units - over) / step + 1 end
  return units / step
end

-- The exact cost of the first `at` units of a way's axis. A begun step is whole; units past the last
-- leg are priced by it, so that usage beyond any grant is never free.
local function cost(legs, denominator, at)
  local whole, rest, count = 0, 0, #legs
  for i = 1, count do
    local leg = legs[i]
    local stop = at
    if i < count and leg.stop < at then stop = leg.stop end
    if stop <= leg.start then break end
    local w, r = muldiv(steps_of(stop - leg.start, leg.step), leg.price, denominator)
    whole, rest = whole + w, rest + r + leg.entry
  end
  return carried(whole, rest, denominator)
end

-- An exact cost of an event as money: rounded once, by the price's mode and quantum, within its limits.
local function rounded(price, whole, rest)
  local quantum, least, most = price.quantum, price.least, price.most
  local is_any = whole > 0 or rest > 0
  if price.mode == 'up' then
    if rest > 0 then whole = whole + 1 end
    whole = whole + (-whole) % quantum
  else
    local low = whole % quantum
    local half = 2 * rest >= price.denominator and 1 or 0
    whole = whole - low + (2 * low + half >= quantum and quantum or 0)
  end
  if is_any and whole < least then whole = least end
  if most > 0 and whole > most then whole = most end
  return whole
end
