-- Connections that anybody opens by their ids.
--
--   to:INSTANCE   orders for the connections there: a stream that the instance follows
--   from:ID       what the client of a connection has said and nobody has read: a stream, whose
--                 last entry says how the connection has ended, for a minute
--   token         the newest token: what is asked has one, and is unlike all else
--   asked:TOKEN   to whom an order was given
--   answers:TOKEN the answers of the instances: a list; for a minute, as all that has a token
--   answered:TOKEN, taken:TOKEN   so that what is repeated happens once

local ORDERS_MAX, UNREAD_MAX, KEPT_MS = 10000, 100, 60000

leave = function(ids, why)
  for _, id in ipairs(ids) do
    redis.call('XADD', key('from:' .. id), '*', 'ended', why)
    redis.call('PEXPIRE', key('from:' .. id), KEPT_MS)
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
  if redis.call('XLEN', key('from:' .. id)) >= UNREAD_MAX then return 2 end
  note_call(id, call)
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

-- Returns how things are with an id: `lives`, `gone`, `ended` or `unknown`, and the instance.
local function state(id)
  local instance = redis.call('HGET', key('where'), id)
  if instance then
    local lives_until = tonumber(is_instance(instance) or 0)
    return lives_until > now() and 'lives' or 'gone', instance
  end
  local newest = tonumber(redis.call('GET', key('id')) or 0)
  return tonumber(id) >= 1 and tonumber(id) <= newest and 'ended' or 'unknown', ''
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

-- Takes the next unread message of a connection, or returns how things are with it.
commands['take'] = function(token, id)
  local taken = redis.call('HGETALL', key('taken:' .. token))
  if #taken > 0 then return taken end
  local entry = redis.call('XRANGE', key('from:' .. id), '-', '+', 'COUNT', 1)[1]
  if not entry then return { state(id) } end
  local field, value = unpack(entry[2])
  if field ~= 'ended' then
    redis.call('XDEL', key('from:' .. id), entry[1])
    redis.call('HSET', key('taken:' .. token), field, value)
    redis.call('PEXPIRE', key('taken:' .. token), KEPT_MS)
  end
  return { field, value }
end

commands['list'] = function() return redis.call('HGETALL', key('where')) end

