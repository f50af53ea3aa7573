-- What a session keeps of one service: units used, cost booked, of it what nobody paid, the highest
-- CC-Request-Number seen, the present grant and the largest one, whether its client waits for money; what is
-- reserved of each balance; what each has paid ("": main money, all that was not lost); the ways that were
-- used (state.lua). Four lines: names of balances and ways have none of their own.

local function read_service(packed)
  local units, booked, lost, newest, granted, largest, waits, held, paid, parts =
    packed:match('(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d)\n([^\n]*)\n([^\n]*)\n(.*)')
  return {
    units = tonumber(units), booked = tonumber(booked), lost = tonumber(lost), newest = tonumber(newest),
    granted = tonumber(granted), largest = tonumber(largest), waits = waits == '1', held = held, paid = paid,
    parts = parts, is_changed = false,
  }
end

local function new_service()
  return {units = 0, booked = 0, lost = 0, newest = 0, granted = 0, largest = 0, waits = false, held = '0',
    paid = '', parts = '', is_changed = true}
end

local function packed_service(service)
  return ('%d %d %d %d %d %d %d\n%s\n%s\n%s'):format(service.units, service.booked, service.lost,
    service.newest, service.granted, service.largest, service.waits and 1 or 0, service.held, service.paid,
    service.parts)
end

-- What each balance paid for a service. What was written off was paid by nobody.
local function paid_of(service)
  if service.paid ~= '' then return read_amounts(service.paid) end
  local paid = service.booked - service.lost
  return paid > 0 and {main = paid} or {}
end

-- What a service holds from now on, packed.
local function hold(session, service, held)
  session.holds = session.holds + (held ~= '0' and 1 or 0) - (service.held ~= '0' and 1 or 0)
  service.held, service.is_changed = held, true
end

-- Whether a service waits for money from now on.
local function wait(session, service, waits)
  if waits ~= service.waits then session.waits = session.waits + (waits and 1 or -1) end
  service.waits = waits
end
