--[[ Store subscriber data when the version is the expected one; the first time, open the account.

  KEYS[1]  subscriber hash   {partition}:sub:<subscriber>
  KEYS[2]  account   hash    {partition}:acct:<id>
  KEYS[3]  agenda    zset    {partition}:agenda, subscriber by when something is due
  ARGV[1]  version   expected; 0 = not there yet
  ARGV[2]  data      opaque
  ARGV[3]  subscriber id
  ARGV[4]  due       UTC milliseconds; 0 = never

  Returns {status, ...}
    stored    {status, the new version}
    conflict  the version is another; nothing changed
]]

local function put(KEYS, ARGV)
  local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
  if version ~= tonumber(ARGV[1]) then return {'conflict'} end
  if text(2 ^ 53) ~= '9007199254740992' then return redis.error_reply('BITS amounts need a store of 64 bits') end
  local is_new = redis.call('EXISTS', KEYS[2]) == 0

  -- Nothing below may fail.
  store_subscriber(KEYS[1], KEYS[3], ARGV[3], text(version + 1), ARGV[2], ARGV[4])
  if is_new then redis.call('HSET', KEYS[2], 'main', '0 0 0 0 0 0') end
  return {'stored', text(version + 1)}
end
