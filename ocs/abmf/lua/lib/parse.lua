-- Reads the balances and the charges of a plan (ocs.abmf.calls writes them). What is the same from request
-- to request comes packed in one argument: it is parsed once, and what was parsed is never changed.

local PARSED_AT_MOST = 2000
local parsed, parsed_count = {}, 0

-- The lines of a packed argument.
local function lines_of(packed)
  local lines = {}
  for line in packed:gmatch('([^\n]*)\n') do lines[#lines + 1] = line end
  return lines
end

-- What `parse` makes of a packed argument, remembered by `kind`.
local function once(kind, packed, parse)
  local all = parsed[kind]
  local found = all and all[packed]
  if found then return found end
  if parsed_count >= PARSED_AT_MOST then parsed, parsed_count = {}, 0 end
  found = parse(lines_of(packed))
  parsed[kind] = parsed[kind] or {}
  parsed[kind][packed], parsed_count = found, parsed_count + 1
  return found
end

-- The balances that a plan names; `floor` is how far the account's own money may go.
local function parse_sources(lines)
  local sources = {floor = 0, notices = {}}
  for at = 1, #lines, 3 do
    local source = {name = lines[at], floor = tonumber(lines[at + 1])}
    sources[#sources + 1] = source
    if source.name == 'main' then sources.floor = source.floor end
    if lines[at + 2] ~= '' then sources.notices[source.name] = lines[at + 2] end
  end
  return sources
end

local function parse_way(lines, at)
  local flags = lines[at + 6]
  local way = {
    name = lines[at], begins = tonumber(lines[at + 2]), ends = tonumber(lines[at + 3]),
    needs = tonumber(lines[at + 4]), floor = tonumber(lines[at + 5]), stops = flags == '1' or flags == '3',
    is_apart = flags == '2' or flags == '3', sources = {}, legs = {}, draws = {},
  }
  for name in lines[at + 1]:gmatch('[^ ]+') do way.sources[#way.sources + 1] = name end
  local legs, draws = tonumber(lines[at + 7]), tonumber(lines[at + 8])
  at = at + 9
  for i = 1, legs do
    way.legs[i] = {
      start = tonumber(lines[at]), stop = tonumber(lines[at + 1]), step = tonumber(lines[at + 2]),
      price = tonumber(lines[at + 3]), entry = tonumber(lines[at + 4]),
    }
    at = at + 5
  end
  for i = 1, draws do
    way.draws[i] = {
      source = lines[at], step = tonumber(lines[at + 1]), amount = tonumber(lines[at + 2]),
      entry = tonumber(lines[at + 3]),
    }
    at = at + 4
  end
  return way, at
end

-- How many units of the last way surely cost less than `money`: each leg is begun, each unit is of the dearest.
local function cheap_units(price, money)
  local way, entries, dearest = price.ways[#price.ways], 0, 0
  for _, leg in ipairs(way and way.legs or {}) do
    entries = entries + (leg.price + leg.entry) / price.denominator
    dearest = math.max(dearest, leg.price / leg.step / price.denominator)
  end
  return math.floor(math.max(money - entries, 0) / math.max(dearest, 1e-9))
end

-- A price, packed: unit, mode, quantum, denominator, limit, least, most, note, grace_ms of a final grant (0:
-- not watched; for seconds it begins behind the grant), count of ways, each: name, its balances of money
-- ("main 7.kzt"), begins, ends, needs, floor, flags (1 stops + 2 is apart), count of legs, count of draws, then
-- the legs: start, stop, step, price, entry; the draws: balance, step, amount, entry.
--
-- Of time, each unit has its own moment, `tick` milliseconds after the one before; of everything else
-- there is one for all.
local function parse_price(lines)
  local price = {
    unit = lines[1], mode = lines[2], quantum = tonumber(lines[3]), denominator = tonumber(lines[4]),
    limit = tonumber(lines[5]), least = tonumber(lines[6]), most = tonumber(lines[7]), note = lines[8],
    grace = tonumber(lines[9]), tick = lines[1] == 'seconds' and 1000 or 0, cheap = 0, ways = {}, named = {},
  }
  local at = 11
  for i = 1, tonumber(lines[10]) do
    local way
    way, at = parse_way(lines, at)
    price.ways[i] = way
    price.named[way.name] = price.named[way.name] or way
  end
  price.cheap = cheap_units(price, CLAMP_LOST / 4)
  return price
end

-- The charges of a plan from `at` on, behind its balances. Everything that a plain charge will hold is
-- named here, no more than 16: a table that grows costs more.
local function parse_charges(args, at)
  local sources, charges = once('sources', args[at], parse_sources), {}
  for from = at + 1, #args, 6 do
    charges[#charges + 1] = {
      key = args[from], used = tonumber(args[from + 1]), requested = tonumber(args[from + 2]),
      refusal = args[from + 3], used_at = tonumber(args[from + 4]),
      price = once('price', args[from + 5], parse_price), service = false, state = false, ahead = false,
      held = false, hold = {}, status = 'settled', is_late = false, granted = 0, final = 0, done = 0,
    }
  end
  return charges, sources
end

-- Whether no service that is asked for has a price.
local function is_unrated(charges)
  for _, each in ipairs(charges) do
    if each.refusal ~= 'rating_failed' then return false end
  end
  return #charges > 0
end
