-- Exact money from integer legs: a cost is `whole` micros and a `rest` over the charge's denominator.
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
  local low = rest % denominator
  return whole + (rest - low) / denominator, low
end

-- The exact cost of the first `at` units of a way's axis. A begun step is whole; units past the last
-- leg are priced by it, so that usage beyond any grant is never free.
local function cost(legs, denominator, at)
  local whole, rest = 0, 0
  for i, leg in ipairs(legs) do
    local stop = i < #legs and math.min(at, leg.stop) or at
    if stop > leg.start then
      local w, r = muldiv(math.ceil((stop - leg.start) / leg.step), leg.price, denominator)
      whole, rest = whole + w, rest + r + leg.entry
    end
  end
  return carried(whole, rest, denominator)
end

-- An exact cost of an event as money: rounded once, by the price's mode and quantum, within its limits.
local function rounded(charge, whole, rest)
  local quantum, least, most = charge.quantum, charge.least, charge.most
  local is_any = whole > 0 or rest > 0
  if charge.mode == 'up' then
    if rest > 0 then whole = whole + 1 end
    whole = whole + (-whole) % quantum
  else
    local low = whole % quantum
    local half = 2 * rest >= charge.denominator and 1 or 0
    whole = whole - low + (2 * low + half >= quantum and quantum or 0)
  end
  if is_any and whole < least then whole = least end
  if most > 0 and whole > most then whole = most end
  return whole
end
