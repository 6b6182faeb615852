-- The chat.
--
--   events    what happened, the newest thousand: a stream that every instance follows
--   history   the newest messages among them
--   names     id -> name
--   looks     how a chosen name looks -> id; each name has two looks
--   looks of  id -> those, one a line

local EVENTS_MAX = 1000
local FOLLOW_MS = 2000 -- how long each server has to read an event
local LEFT_AT_ONCE = 500 -- so that the end of a full server does not take the place of all else

local function tell(event)
  return redis.call('XADD', key('events'), 'MAXLEN', EVENTS_MAX, '*', 'event', event)
end

-- Returns whether more happens than servers could follow: no room, and the oldest event is young.
-- It is in the future if the clock was set back.
local function is_crowded()
  if redis.call('XLEN', key('events')) < EVENTS_MAX then return false end
  local oldest = redis.call('XRANGE', key('events'), '-', '+', 'COUNT', 1)[1]
  local age = now() - string.match(oldest[1], '%d+')
  return age >= 0 and age < FOLLOW_MS
end

local function free_looks(id)
  local looks = redis.call('HGET', key('looks of'), id) or ''
  for look in string.gmatch(looks, '[^\n]+') do redis.call('HDEL', key('looks'), look) end
  redis.call('HDEL', key('looks of'), id)
end

leave = function(ids)
  for _, id in ipairs(ids) do
    free_looks(id)
    redis.call('HDEL', key('names'), id)
  end
  for first = 1, #ids, LEFT_AT_ONCE do
    local last = math.min(first + LEFT_AT_ONCE - 1, #ids)
    tell('{"type":"left","ids":[' .. table.concat(ids, ',', first, last) .. ']}')
  end
  for _, id in ipairs(ids) do unsettle(id, redis.call('HGET', key('where'), id) or '') end
end

-- Returns the number of the instance, from where to follow the events, and the room at that point.
commands['begin'] = function(lives, before)
  local instance = new_instance(lives, before)
  local position = tell('{"type":"server","instance":' .. instance .. '}')
  local history = redis.call('XRANGE', key('history'), '-', '+')
  return { instance, position, { redis.call('HGETALL', key('names')), history } }
end

local function say(id, call, event, history_max)
  if is_repeated(id, call) then return 1 end
  if is_crowded() then return 0 end
  note_call(id, call)
  tell(event)
  redis.call('XADD', key('history'), 'MAXLEN', history_max, '*', 'event', event)
  return 1
end

-- The others return 0 if the instance or the user is none any more, or if too much happens.
commands['join'] = function(instance, id, name, event)
  if lives_at(id, instance) then return 1 end
  if is_crowded() or not is_instance(instance) then return 0 end
  settle(id, instance)
  redis.call('HSET', key('names'), id, name)
  tell(event)
  return 1
end

commands['say'] = function(instance, id, call, event, history_max)
  if not lives_at(id, instance) then return 0 end
  return say(id, call, event, history_max)
end

-- Says something for an instance, not for a user.
commands['announce'] = function(instance, call, event, history_max)
  if not is_instance(instance) then return 0 end
  return say('instance ' .. instance, call, event, history_max)
end

-- Returns 2 if the name is taken.
commands['rename'] = function(instance, id, call, name, look, look_too, event)
  if not lives_at(id, instance) then return 0 end
  if is_repeated(id, call) then
    return redis.call('HGET', key('names'), id) == name and 1 or 2
  end
  if is_crowded() then return 0 end
  note_call(id, call)
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

