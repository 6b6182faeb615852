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
--   calls        id, or "instance INSTANCE" -> the newest call for it

local commands = {} -- those that may be called; each program adds its own
local leave -- leave(ids, why): takes out ids that are there; each program has its own. It ends with
            -- `unsettle`, so that it can be repeated if it has failed in the middle

local function key(name) return KEYS[1] .. name end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_instance(instance)
  return redis.call('ZSCORE', key('instances'), instance)
end

-- Returns whether an id lives at this instance. Every call for an id names its instance: after the
-- bus has lost its data, another connection may have the same id.
local function lives_at(id, instance)
  return redis.call('HGET', key('where'), id) == instance
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
  return tonumber(redis.call('HGET', key('calls'), id) or 0) >= tonumber(call)
end

local function note_call(id, call) redis.call('HSET', key('calls'), id, call) end

local function end_instance(instance, why)
  leave(redis.call('SMEMBERS', key('at:' .. instance)), why)
  redis.call('DEL', key('at:' .. instance), key('to:' .. instance))
  redis.call('ZREM', key('instances'), instance)
  redis.call('HDEL', key('steady'), instance)
  redis.call('HDEL', key('calls'), 'instance ' .. instance)
end

commands['new id'] = function() return redis.call('INCR', key('id')) end

-- `before` is the number that this server had before, or 0. A server that begins anew, perhaps
-- because the bus has lost data, must not get the number of another: the clock is beyond all.
local function new_instance(lives, before)
  if tonumber(before) > 0 then
    local newest = tonumber(redis.call('GET', key('instance')) or 0)
    redis.call('SET', key('instance'), math.max(newest, before, now()))
  end
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
  local silent = time - (lives_until - lives)
  if silent < 0 then -- the clock was set back, and all times are by it
    for _, other in ipairs(redis.call('ZRANGE', key('instances'), 0, -1)) do
      redis.call('ZINCRBY', key('instances'), silent, other)
      redis.call('HINCRBY', key('steady'), other, silent)
    end
  end
  local is_late = silent > 3 * beat
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

commands['leave'] = function(instance, id, why)
  if lives_at(id, instance) then leave({ id }, why) end
end

