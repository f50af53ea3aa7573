-- Reads the balances and the charges of a plan (ocs.abmf.calls writes them).

-- The balances that a plan names, and where its charges begin.
local function parse_sources(args, from)
  local sources, at = {}, from + 1
  for i = 1, tonumber(args[from]) do
    sources[i] = {name = args[at], floor = tonumber(args[at + 1]), notices = args[at + 2]}
    at = at + 3
  end
  return sources, at
end

local function parse_way(args, at, sources)
  local flags = args[at + 6]
  local way = {
    name = args[at], begins = tonumber(args[at + 2]), ends = tonumber(args[at + 3]),
    needs = tonumber(args[at + 4]), floor = tonumber(args[at + 5]), stops = flags == '1' or flags == '3',
    is_apart = flags == '2' or flags == '3', sources = {}, legs = {}, draws = {},
  }
  for number in args[at + 1]:gmatch('%d+') do
    way.sources[#way.sources + 1] = sources[tonumber(number)].name
  end
  local legs, draws = tonumber(args[at + 7]), tonumber(args[at + 8])
  at = at + 9
  for i = 1, legs do
    way.legs[i] = {
      start = tonumber(args[at]), stop = tonumber(args[at + 1]), step = tonumber(args[at + 2]),
      price = tonumber(args[at + 3]), entry = tonumber(args[at + 4]),
    }
    at = at + 5
  end
  for i = 1, draws do
    way.draws[i] = {
      source = sources[tonumber(args[at])].name, step = tonumber(args[at + 1]),
      amount = tonumber(args[at + 2]), entry = tonumber(args[at + 3]),
    }
    at = at + 4
  end
  return way, at
end

local function parse_charges(args, from)
  local sources, at = parse_sources(args, from)
  local charges, main_floor = {}, 0
  for _, source in ipairs(sources) do
    if source.name == 'main' then main_floor = source.floor end
  end
  local count = tonumber(args[at])
  at = at + 1
  for i = 1, count do
    local charge = {
      key = args[at], used = tonumber(args[at + 1]), requested = tonumber(args[at + 2]),
      refusal = args[at + 3], unit = args[at + 4], mode = args[at + 5], quantum = tonumber(args[at + 6]),
      denominator = tonumber(args[at + 7]), grace = tonumber(args[at + 8]), limit = tonumber(args[at + 9]),
      least = tonumber(args[at + 10]), most = tonumber(args[at + 11]), used_at = tonumber(args[at + 12]),
      note = args[at + 13], main_floor = main_floor, ways = {}, named = {}, granted = 0, hold = {},
      final = 0, clamped = 0,
    }
    local ways = tonumber(args[at + 14])
    at = at + 15
    for w = 1, ways do
      local way
      way, at = parse_way(args, at, sources)
      charge.ways[w] = way
      charge.named[way.name] = charge.named[way.name] or way
    end
    charges[i] = charge
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
