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

-- The exact cost of the first `at` units of the event. A begun step is whole; units past the last
-- leg are priced by it, so that usage beyond any grant is never free.
local function cost(charge, at)
  local whole, rest = 0, 0
  for i, leg in ipairs(charge.legs) do
    local stop = i < #charge.legs and math.min(at, leg.stop) or at
    if stop > leg.start then
      local w, r = muldiv(math.ceil((stop - leg.start) / leg.step), leg.price, charge.denominator)
      whole, rest = whole + w + leg.entry, rest + r
    end
  end
  local low = rest % charge.denominator
  return whole + (rest - low) / charge.denominator, low
end

-- The running total of an event as money: rounded once, by the price's mode and quantum.
local function rounded(charge, at)
  local whole, rest = cost(charge, at)
  local quantum = charge.quantum
  if charge.mode == 'up' then
    if rest > 0 then whole = whole + 1 end
    return whole + (-whole) % quantum
  end
  local low = whole % quantum
  local half = 2 * rest >= charge.denominator and 1 or 0
  return whole - low + (2 * low + half >= quantum and quantum or 0)
end

-- Whether the event can go on from `used` to `at` when `money` is there for all of it, what is
-- booked included. A paid stretch needs one quantum even where its first steps round to nothing.
local function can_pay(charge, used, at, money)
  if at > charge.legs[#charge.legs].stop or rounded(charge, at) > money then return false end
  if money >= charge.quantum then return true end
  local whole, rest = cost(charge, used)
  local whole_at, rest_at = cost(charge, at)
  return whole == whole_at and rest == rest_at
end

-- The largest quantity up to `wanted` that can be paid. Nearly always it is the whole; the search
-- happens where the money ends.
local function affordable(charge, used, wanted, money)
  if can_pay(charge, used, used + wanted, money) then return wanted end
  local low, high = 0, wanted
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if can_pay(charge, used, used + middle, money) then low = middle else high = middle end
  end
  return low
end
