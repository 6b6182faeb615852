-- Connections that anybody opens by their ids.
--
--   to:INSTANCE   orders for the connections there: a stream that the instance follows
--   from:ID       what the client of a connection has said and nobody has read: a stream, whose
--                 last entry says how the connection has ended, for a minute
--   rest:ID       the rest of a message of which a part has been read: kind and data
--   unread        id -> how many bytes those two have
--   ended         the ids of the connections that have ended, in that order: a list
--   token         the newest token: what is asked has one, and is unlike all else
--   asked:TOKEN   to whom an order was given
--   answers:TOKEN the answers of the instances: a list; for a minute, as all that has a token
--   answered:TOKEN, taken:TOKEN   so that what is repeated happens once

local ORDERS_MAX, KEPT_MS = 10000, 60000
-- How much is kept of what a client says, in messages and bytes; and of how many that have ended.
local UNREAD_MAX, UNREAD_BYTES_MAX, ENDED_MAX = 100, 131072, 1000

leave = function(ids, why)
  for _, id in ipairs(ids) do
    redis.call('XADD', key('from:' .. id), '*', 'ended', why)
    redis.call('PEXPIRE', key('from:' .. id), KEPT_MS)
    redis.call('PEXPIRE', key('rest:' .. id), KEPT_MS)
    redis.call('HDEL', key('unread'), id)
    if redis.call('RPUSH', key('ended'), id) > ENDED_MAX then
      local oldest = redis.call('LPOP', key('ended'))
      redis.call('DEL', key('from:' .. oldest), key('rest:' .. oldest))
    end
    unsettle(id, redis.call('HGET', key('where'), id) or '')
  end
end

-- Returns the number of the instance, from where to follow its orders, and nothing.
commands['begin'] = function(lives, before)
  local instance = new_instance(lives, before)
  return { instance, redis.call('XADD', key('to:' .. instance), '*', 'order', 'begin'), {} }
end

-- Returns 0 if the instance is none any more.
commands['enter'] = function(instance, id)
  if not is_instance(instance) then return 0 end
  settle(id, instance)
  return 1
end

-- Keeps what a client has said. `kind` is `text` or `binary`. Returns 2 if too much is unread.
commands['hear'] = function(instance, id, call, kind, data)
  if not lives_at(id, instance) then return 0 end
  if is_repeated(id, call) then return 1 end
  local unread = tonumber(redis.call('HGET', key('unread'), id) or 0)
  if unread + #data > UNREAD_BYTES_MAX then return 2 end
  if redis.call('XLEN', key('from:' .. id)) >= UNREAD_MAX then return 2 end
  note_call(id, call)
  redis.call('HINCRBY', key('unread'), id, #data)
  redis.call('XADD', key('from:' .. id), '*', kind, data)
  return 1
end

-- Forgets the orders that an instance has carried out, but for the last.
commands['done'] = function(instance, position)
  redis.call('XTRIM', key('to:' .. instance), 'MINID', position)
end

commands['answer'] = function(instance, token, answer)
  if redis.call('SADD', key('answered:' .. token), instance) == 0 then return end
  redis.call('RPUSH', key('answers:' .. token), answer)
  redis.call('PEXPIRE', key('answered:' .. token), KEPT_MS)
  redis.call('PEXPIRE', key('answers:' .. token), KEPT_MS)
end

-- Returns how things are with an id: `lives` or `gone`, and the instance; `ended`, and how, if that
-- is known; or `unknown`.
local function state(id)
  local instance = redis.call('HGET', key('where'), id)
  if instance then
    local lives_until = tonumber(is_instance(instance) or 0)
    return lives_until > now() and 'lives' or 'gone', instance
  end
  local newest = tonumber(redis.call('GET', key('id')) or 0)
  if tonumber(id) < 1 or tonumber(id) > newest then return 'unknown', '' end
  local entry = redis.call('XREVRANGE', key('from:' .. id), '+', '-', 'COUNT', 1)[1]
  return 'ended', entry and entry[2][1] == 'ended' and entry[2][2] or ''
end

local function give(instance, token, order, id, data)
  redis.call('XADD', key('to:' .. instance), '*', 'order', order, 'id', id, 'data', data, 'token',
    token)
end

commands['new token'] = function() return redis.call('INCR', key('token')) end

-- Gives an order for one connection to its instance.
commands['order'] = function(token, order, id, data)
  local asked = redis.call('GET', key('asked:' .. token))
  if asked then return { 'lives', asked } end
  local state, instance = state(id)
  if state ~= 'lives' then return { state, instance } end
  if redis.call('XLEN', key('to:' .. instance)) > ORDERS_MAX then return { 'busy', instance } end
  redis.call('SET', key('asked:' .. token), instance, 'PX', KEPT_MS)
  give(instance, token, order, id, data)
  return { 'lives', instance }
end

-- Gives an order for all connections to all instances that live. Returns how many those are.
commands['order all'] = function(token, order, data)
  local asked = redis.call('GET', key('asked:' .. token))
  if asked then return tonumber(asked) end
  local instances = redis.call('ZRANGEBYSCORE', key('instances'), '(' .. now(), '+inf')
  redis.call('SET', key('asked:' .. token), #instances, 'PX', KEPT_MS)
  for _, instance in ipairs(instances) do give(instance, token, order, '0', data) end
  return #instances
end

-- Returns how many bytes the first `len` characters of a message have.
local function bytes_of(kind, data, len)
  if kind ~= 'text' then return len end
  local at = 1
  for _ = 1, len do
    local byte = data:byte(at)
    if not byte then break end
    -- The length of a character in UTF-8 is told by its first byte.
    at = at + (byte < 0x80 and 1 or byte < 0xe0 and 2 or byte < 0xf0 and 3 or 4)
  end
  return at - 1
end

-- Takes at most `len` characters of the next unread message of a connection: returns its kind, the
-- part, and 1 if that is the end of the message. Otherwise returns how things are with it.
commands['take'] = function(token, id, len)
  local taken = redis.call('LRANGE', key('taken:' .. token), 0, -1)
  if #taken > 0 then return taken end
  local kind, data = unpack(redis.call('LRANGE', key('rest:' .. id), 0, -1))
  if not kind then
    local entry = redis.call('XRANGE', key('from:' .. id), '-', '+', 'COUNT', 1)[1]
    if not entry then
      local state, instance = state(id)
      return { state, instance, 0 }
    end
    kind, data = unpack(entry[2])
    if kind == 'ended' then return { kind, data, 0 } end
    redis.call('XDEL', key('from:' .. id), entry[1])
  end
  redis.call('DEL', key('rest:' .. id))
  local bytes = bytes_of(kind, data, tonumber(len))
  local last = bytes >= #data and 1 or 0
  if last == 0 then
    redis.call('RPUSH', key('rest:' .. id), kind, data:sub(bytes + 1))
    if redis.call('HEXISTS', key('where'), id) == 0 then
      redis.call('PEXPIRE', key('rest:' .. id), KEPT_MS)
    end
    data = data:sub(1, bytes)
  end
  if redis.call('HEXISTS', key('unread'), id) == 1 then
    redis.call('HINCRBY', key('unread'), id, -#data)
  end
  redis.call('RPUSH', key('taken:' .. token), kind, data, last)
  redis.call('PEXPIRE', key('taken:' .. token), KEPT_MS)
  return { kind, data, last }
end

commands['list'] = function() return redis.call('HGETALL', key('where')) end

