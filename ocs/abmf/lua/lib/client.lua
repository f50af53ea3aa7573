-- Who asks, by whom, and who hears: one packed argument of five lines, which a session keeps: host, realm,
-- peer ("": the host), owner, and scope: realm = a relay, to which sessions of the realm are its own; host =
-- only the host's.

-- Who asks: names of domains, so their case says nothing (RFC 6733, 4.3.1).
local function parse_client(lines)
  return {host = lines[1], scope = lines[5], host_name = lines[1]:lower(), realm_name = lines[2]:lower()}
end

local function client_of(packed) return once('client', packed, parse_client) end

-- Whether the session is another client's: of another host or, where the peer speaks for a realm, of
-- another realm.
local function is_foreign(session, packed)
  if not session.state or session.state == 'orphan' or session.client == packed then return false end
  local owner, client = client_of(session.client), client_of(packed)
  if client.scope == 'realm' then return owner.realm_name ~= client.realm_name end
  return owner.host_name ~= client.host_name
end
