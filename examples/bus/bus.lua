-- The part that `chat` and `push` share. It precedes the script of each. Redis runs nothing else
-- during a script, so related data changes together.
--
-- An instance is a server on this bus, by a number. An id is that of a connection.
--
--   instance     the newest number of an instance
--   id           the newest id
--   instances    instance -> until when it counts as alive, in ms of this machine's clock
--   steady       instance -> since when it has said without a pause that it lives
--   at:INSTANCE  the ids that live there
--   where        id -> instance
--   calls        id -> the newest call for it

local commands = {} -- those that may be called; each program adds its own
local leave -- leave(id, why): takes an id out if it is there; each program has its own

local function key(name) return KEYS[1] .. name end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_instance(instance)
  return redis.call('ZSCORE', key('instances'), instance)
end

local function settle(id, instance)
  redis.call('HSET', key('where'), id, instance)
  redis.call('SADD', key('at:' .. instance), id)
end

local function unsettle(id, instance)
  redis.call('HDEL', key('where'), id)
  redis.call('HDEL', key('calls'), id)
  redis.call('SREM', key('at:' .. instance), id)
end

-- Returns whether this call was made before. A caller repeats it if the answer was lost.
local function is_repeated(id, call)
  if tonumber(redis.call('HGET', key('calls'), id) or 0) >= tonumber(call) then return true end
  redis.call('HSET', key('calls'), id, call)
  return false
end

local function end_instance(instance, why)
  for _, id in ipairs(redis.call('SMEMBERS', key('at:' .. instance))) do leave(id, why) end
  redis.call('DEL', key('at:' .. instance), key('to:' .. instance))
  redis.call('ZREM', key('instances'), instance)
  redis.call('HDEL', key('steady'), instance)
end

commands['new id'] = function() return redis.call('INCR', key('id')) end

local function new_instance(lives)
  local instance = redis.call('INCR', key('instance'))
  redis.call('ZADD', key('instances'), now() + lives, instance)
  redis.call('HSET', key('steady'), instance, now())
  return instance
end

-- Says that an instance lives, as it does each `beat` ms. Returns 0 if others have ended it.
--
-- It ends those that have not said so. If we stood still ourselves, all look dead until they had
-- time to speak; then this instance is late, too, and waits as long as that takes.
commands['beat'] = function(instance, lives, beat)
  local lives_until = is_instance(instance)
  if not lives_until then return 0 end
  local time = now()
  local is_late = time - (lives_until - lives) > 3 * beat
  if is_late then redis.call('HSET', key('steady'), instance, time) end
  redis.call('ZADD', key('instances'), time + lives, instance)
  if time - redis.call('HGET', key('steady'), instance) > lives + beat then
    for _, dead in ipairs(redis.call('ZRANGEBYSCORE', key('instances'), '-inf', time)) do
      end_instance(dead, 'its server is gone')
    end
  end
  return 1
end

commands['end'] = function(instance) end_instance(instance, 'its server has ended') end

commands['leave'] = function(id, why) leave(id, why) end

