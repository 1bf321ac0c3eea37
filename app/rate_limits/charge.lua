-- Charges requests to their budgets, each of them wholly or not at all, on the clock of this server.
--
-- KEYS: every budget and every block that is looked at, once.
-- ARGV[1], MessagePack: for each request its block's number in KEYS; then for each of its items the budget's number in
-- KEYS, what one costs and how much may be owed (microseconds), and how many are asked for.
-- Returns MessagePack, for each request: 0 admitted, 1 refused, 2 blocked; the number of the item that this is about, or
-- 0 for none; what remains of it; microseconds until it is whole, or until the request would be let in.
--
-- A budget is the moment at which it will be whole again; absent is whole. Numbers are exact below 2^53: until 2255.

local ENDLESS_BLOCK_US = 3600000000

local call, floor, max = redis.call, math.floor, math.max
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local values = call('MGET', unpack(KEYS))
local moments, answers, count = {}, {}, 0

for _, request in ipairs(cmsgpack.unpack(ARGV[1])) do
  local verdict, chosen, remaining, wait = 0, 0, 0, 0
  if values[request[1]] then
    verdict, wait = 2, call('PTTL', KEYS[request[1]]) * 1000
    if wait < 0 then wait = ENDLESS_BLOCK_US end
  else
    for at = 2, #request, 4 do
      local number, emission, tolerance = request[at], request[at + 1], request[at + 2]
      local debt = max((moments[number] or tonumber(values[number]) or 0) - now, 0)
      local after = debt + emission * request[at + 3]
      if after > tolerance then
        if verdict == 0 or after - tolerance > wait then
          verdict, chosen, wait = 1, (at + 2) / 4, after - tolerance
          remaining = max(floor((tolerance - debt) / emission), 0)
        end
      elseif verdict == 0 then
        local left = floor((tolerance - after) / emission)
        if chosen == 0 or left < remaining then
          chosen, remaining, wait = (at + 2) / 4, left, after
        end
      end
      request[at + 2] = after
    end
    if verdict == 0 then
      for at = 2, #request, 4 do
        if request[at + 3] > 0 then moments[request[at]] = now + request[at + 2] end
      end
    end
  end
  answers[count + 1], answers[count + 2], answers[count + 3], answers[count + 4] = verdict, chosen, remaining, wait
  count = count + 4
end

for number, moment in pairs(moments) do
  call('SET', KEYS[number], moment, 'PX', math.ceil((moment - now) / 1000))
end
return cmsgpack.pack(answers)
