-- SHA-1 of a text, as hexadecimal digits (FIPS 180-4). Only for names: `acestep-bridge reaper install` makes ids by it.

local function rotated(x, by)
  return ((x << by) | (x >> (32 - by))) & 0xffffffff
end

-- What round `t` mixes, and its constant.
local function mixed(t, b, c, d)
  if t < 20 then
    return (b & c) | (~b & d), 0x5a827999
  elseif t < 40 then
    return b ~ c ~ d, 0x6ed9eba1
  elseif t < 60 then
    return (b & c) | (b & d) | (c & d), 0x8f1bbcdc
  end
  return b ~ c ~ d, 0xca62c1d6
end

-- The state after one block of 64 bytes.
local function after(state, block)
  local w = { ('>' .. ('I4'):rep(16)):unpack(block) }
  for t = 17, 80 do
    w[t] = rotated(w[t - 3] ~ w[t - 8] ~ w[t - 14] ~ w[t - 16], 1)
  end
  local a, b, c, d, e = table.unpack(state)
  for t = 0, 79 do
    local f, k = mixed(t, b, c, d)
    a, b, c, d, e = (rotated(a, 5) + f + e + k + w[t + 1]) & 0xffffffff, a, rotated(b, 30), c, d
  end
  local found = {}
  for i, value in ipairs { a, b, c, d, e } do
    found[i] = (state[i] + value) & 0xffffffff
  end
  return found
end

return function(text)
  local padded = text .. '\x80' .. ('\0'):rep((55 - #text) % 64) .. ('>I8'):pack(#text * 8)
  local state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  for at = 1, #padded, 64 do
    state = after(state, padded:sub(at, at + 63))
  end
  return ('%08x%08x%08x%08x%08x'):format(table.unpack(state))
end
