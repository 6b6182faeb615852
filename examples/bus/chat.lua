-- The chat.
--
--   events    what happened, the newest thousand: a stream that every instance follows
--   history   the newest messages among them
--   names     id -> name
--   looks     how a chosen name looks -> id; each name has two looks
--   looks of  id -> those, one a line

local EVENTS_MAX, HISTORY_MAX = 1000, 50

local function tell(event)
  return redis.call('XADD', key('events'), 'MAXLEN', EVENTS_MAX, '*', 'event', event)
end

local function free_looks(id)
  local looks = redis.call('HGET', key('looks of'), id) or ''
  for look in string.gmatch(looks, '[^\n]+') do redis.call('HDEL', key('looks'), look) end
  redis.call('HDEL', key('looks of'), id)
end

leave = function(id)
  if redis.call('HDEL', key('names'), id) == 0 then return end
  free_looks(id)
  unsettle(id, redis.call('HGET', key('where'), id) or '')
  tell('{"type":"left","id":' .. id .. '}')
end

-- Returns the number of the instance, from where to follow the events, and the room at that point.
commands['begin'] = function(lives)
  local instance = new_instance(lives)
  local position = tell('{"type":"server","instance":' .. instance .. '}')
  local history = redis.call('XRANGE', key('history'), '-', '+')
  return { instance, position, { redis.call('HGETALL', key('names')), history } }
end

-- The others return 0 if the instance or the user is none any more.
commands['join'] = function(instance, id, name, event)
  if not is_instance(instance) then return 0 end
  if redis.call('HSETNX', key('names'), id, name) == 1 then
    settle(id, instance)
    tell(event)
  end
  return 1
end

commands['say'] = function(id, call, event)
  if redis.call('HEXISTS', key('names'), id) == 0 then return 0 end
  if not is_repeated(id, call) then
    tell(event)
    redis.call('XADD', key('history'), 'MAXLEN', HISTORY_MAX, '*', 'event', event)
  end
  return 1
end

-- Returns 2 if the name is taken.
commands['rename'] = function(id, call, name, look, look_too, event)
  local old = redis.call('HGET', key('names'), id)
  if not old then return 0 end
  if is_repeated(id, call) then return old == name and 1 or 2 end
  local looks = { 'written ' .. look, 'small ' .. look_too }
  for _, look in ipairs(looks) do
    local owner = redis.call('HGET', key('looks'), look)
    if owner and owner ~= id then return 2 end
  end
  free_looks(id)
  for _, look in ipairs(looks) do redis.call('HSET', key('looks'), look, id) end
  redis.call('HSET', key('looks of'), id, table.concat(looks, '\n'))
  redis.call('HSET', key('names'), id, name)
  tell(event)
  return 1
end

