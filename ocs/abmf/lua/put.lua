--[[ Store subscriber data when the version is the expected one; the first time, open the account.

  KEYS[1]  subscriber hash   {partition}:sub:<id>
  KEYS[2]  account   hash    {partition}:acct:<id>
  ARGV[1]  version   expected; 0 = not there yet
  ARGV[2]  data      opaque

  Returns {status, ...}
    stored    {status, the new version}
    conflict  the version is another; nothing changed
]]

local function put(KEYS, ARGV)
  local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
  if version ~= tonumber(ARGV[1]) then return {'conflict'} end
  local is_new = redis.call('EXISTS', KEYS[2]) == 0

  -- Nothing below may fail.
  redis.call('HSET', KEYS[1], 'version', text(version + 1), 'data', ARGV[2])
  if is_new then
    for _, name in ipairs(AMOUNTS) do redis.call('HSET', KEYS[2], name, '0') end
  end
  return {'stored', text(version + 1)}
end
