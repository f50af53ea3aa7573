-- Reports of what cannot have been used: the excess is told apart before anything is settled.

-- More seconds than passed since the first grant, more octets than four times the largest grant: nobody used that. A
-- minute is for clocks that differ; the rest of such a report is not charged. Returns how much it was.
local CLAMP_SECONDS, CLAMP_GRANTS = 60, 4
-- What a report may cost above all the account has: more is no usage, and would fill the account's sums,
-- after which it could not be topped up.
local CLAMP_LOST = 1000000000000

-- The most of what is reported that, laid on the last way alone, costs no more than `money`.
local function within(charge, used, money)
  if used <= 0 or #charge.ways == 0 then return used end
  local view = view_of(charge, charge.state, charge.ways[#charge.ways])
  if increase(charge, charge.state, view, used) <= money then return used end
  local low, high = 0, used
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if increase(charge, charge.state, view, middle) <= money then low = middle else high = middle end
  end
  return low
end

local function clamp(charges, session, now, at, balance)
  local sum = 0
  for _, charge in ipairs(charges) do
    local most = charge.used
    local last = session['g:' .. charge.key]
    if charge.unit == 'seconds' and session.first then
      -- The later of both clocks: who sent its own time first need not send it again.
      local passed = math.max(math.floor((math.max(at, now) - tonumber(session.first)) / 1000), 0)
      local before = tonumber(session['u:' .. charge.key] or '0')
      most = math.max(passed + CLAMP_SECONDS - before, 0)
    elseif charge.unit == 'octets' and last then
      most = CLAMP_GRANTS * tonumber(last)
    end
    most = within(charge, math.min(charge.used, most), math.max(balance, 0) + CLAMP_LOST)
    charge.clamped = math.max(charge.used - most, 0)
    charge.used = charge.used - charge.clamped
    sum = sum + charge.clamped
  end
  return sum
end
