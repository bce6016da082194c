-- What a streamed answer begins with: an upstream filter of each target, between attempt.lua and the codec.
--
-- SageMaker sends 200 before the container has said anything: an exception, a container's own error or nothing at all may
-- follow. This filter reads the body as it passes, until it is known which it is, and says so in dynamic metadata
-- `kt.first`; attempt.lua, the next filter, holds the headers meanwhile (a Lua filter cannot do both: headers go on as soon
-- as its own script waits for a chunk). After that every chunk passes without a line of script.

local FIRST = "kt.first"
local FRAMED = "application/vnd.amazon.eventstream"
-- What has not decided itself after so many bytes is content, and so is a line of so many that is no error: whatever a
-- container writes, there is little of it to search.
local MOST, MOST_LINE = 16 * 1024, 4 * 1024
-- The same after so many chunks: each is looked at together with all before it.
local MOST_CHUNKS = 1024
-- Of a frame, as the worker takes it: prelude and checksums; its largest headers and payload (extproc/sagemaker/eventstream.py).
local OVERHEAD, MOST_HEADERS, MOST_PAYLOAD = 16, 128 * 1024, 24 * 1024 * 1024

local THROTTLED = {
  ThrottlingException = true, Throttling = true, TooManyRequestsException = true, RequestLimitExceeded = true,
}
-- Types by which containers say that the caller is at fault, whatever the status (extproc/sagemaker/container_error.py).
local CALLERS = {
  validation = true, template_error = true, tool_error = true, empty = true, tokenizer = true,
  badrequesterror = true, invalid_request_error = true,
}
local OVERLOADED = { overloaded = true, ratelimiterror = true, rate_limit_error = true }

-- What is said of a stream that failed: the status that it amounts to, in the terms in which attempt.lua judges answers;
-- lines "name: value", as it reads them.
local function failed(status, error_type, original, code)
  return "status: " .. status .. "\nerror_type: " .. error_type .. "\n"
    .. (original and "original_status: " .. original .. "\n" or "") .. (code and "error_code: " .. code .. "\n" or "")
end

local CONTENT, WAITING = "content", "waiting"
local BROKEN = failed(502, "BrokenStream")
local NOTHING = failed(502, "NoContent")

local function number(text, at)
  local a, b, c, d = string.byte(text, at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local CRC = {}
for byte = 0, 255 do
  local crc = byte
  for _ = 1, 8 do crc = bit.bxor(bit.rshift(crc, 1), bit.band(crc, 1) == 1 and 0xEDB88320 or 0) end
  CRC[byte] = crc
end

-- Whether the four bytes from `stop` on are the CRC-32 of those from `at` to before it.
local function intact(bytes, at, stop)
  local crc = bit.bnot(0)
  for i = at, stop - 1 do
    crc = bit.bxor(bit.rshift(crc, 8), CRC[bit.band(bit.bxor(crc, string.byte(bytes, i)), 255)])
  end
  return bit.tobit(number(bytes, stop)) == bit.bnot(crc)
end

-- A string header of a frame (type 7), else nil. Names have their length before them.
local function header(block, name)
  local _, at = string.find(block, string.char(#name) .. name .. "\7", 1, true)
  if not at or at + 2 > #block then return nil end
  local high, low = string.byte(block, at + 1, at + 2)
  return string.sub(block, at + 3, at + 2 + high * 256 + low)
end

-- The failure that an exception's or an error's frame stands for.
local function exception(block, payload)
  local kind = string.match(header(block, ":exception-type") or header(block, ":error-code") or "", "^[%w_.]+") or "Unknown"
  local code = string.match(payload, '"ErrorCode"%s*:%s*"([%w_]+)"')
  if THROTTLED[kind] then return failed(429, kind, nil, code) end
  if kind == "InternalStreamFailure" then return failed(500, kind, nil, code) end
  -- The platform's limit of time: as the 424 of a whole answer, with no status of the container's.
  return failed(424, kind, code == "ModelInvocationTimeExceeded" and 0 or 500, code)
end

-- The failure that a container's own error is, at the beginning of what it says.
local function refusal(text)
  local status = tonumber(string.match(text, '"code"%s*:%s*"?(%d%d%d)%f[%D]')) or 0
  local kind = string.match(text, '"error_type"%s*:%s*"(%w[%w_]*)"') or string.match(text, '"type"%s*:%s*"(%w[%w_]*)"')
  kind = string.lower(kind or "")
  if OVERLOADED[kind] then status = 429 end
  -- 424 is LMI's for a failed generation, and for a request that it cannot parse.
  if (status == 0 or status == 424) and CALLERS[kind] then status = 400 end
  if status < 400 or status > 599 or status == 424 then status = 500 end
  return failed(424, "ModelError", status)
end

-- Whether all deltas of a chunk are without content: a role, and fields that are null or empty.
local function hollow(line)
  if string.find(line, '"finish_reason"%s*:%s*"') or not string.find(line, '"delta"', 1, true) then return false end
  local rest = string.gsub(line, '"delta"%s*:%s*(%b{})', function(delta)
    delta = string.gsub(delta, '"role"%s*:%s*"%w*"', "")
    delta = string.gsub(delta, '"[%w_]+"%s*:%s*null', "")
    delta = string.gsub(delta, '"[%w_]+"%s*:%s*""', "")
    delta = string.gsub(delta, '"[%w_]+"%s*:%s*%[%s*%]', "")
    return string.find(delta, "^{[%s,]*}$") and "" or "\0"
  end)
  return not string.find(rest, "\0", 1, true)
end

-- What the container's words are: CONTENT, a failure, or nil when they are nothing so far. Lines are server-sent events,
-- JSON lines or the beginning of one document; one that is not at its end yet counts only where more cannot change it.
local function said(text, ended)
  -- Some containers begin with a byte order mark.
  local at = string.sub(text, 1, 3) == "\239\187\191" and 4 or 1
  while at <= #text do
    local stop = string.find(text, "\n", at, true)
    local whole = stop or ended
    local long = (stop or #text + 1) - at > MOST_LINE
    local line = string.sub(text, at, math.min((stop or #text + 1) - 1, at + MOST_LINE))
    line = string.match(string.gsub(line, "\r$", ""), "^%s*(.*)$")
    if not whole and #line < 64 then return nil end
    local value = string.match(line, "^data:%s*(.*)$")
    local data = value or line
    local done = string.find(data, "^%[DONE%]%s*$")
    if string.find(line, "^event:%s*error") then
      return refusal(string.sub(text, at, at + MOST_LINE))
    elseif string.find(data, '^{%s*"error"%s*:%s*[{"]') or string.find(data, '^{%s*"object"%s*:%s*"error"') then
      return (whole or long) and refusal(data) or nil
    elseif string.find(data, "^[{%[]") and not done then
      if long then return CONTENT end
      if string.find(data, '"delta"', 1, true) and not whole then return nil end
      -- LMI's way of saying that a generation failed. In a text these quotes are escaped.
      local reason = string.match(data, '"finish_reason"%s*:%s*"(%l+)"')
      if reason == "error" or reason == "abort" then return failed(424, "ModelError", 500) end
      if not hollow(data) then return CONTENT end
    elseif data ~= "" and not done and (value or not string.find(line, "^%l*:")) then
      -- Neither a comment nor another field of an event: no container speaks so.
      return BROKEN
    end
    if not stop then return nil end
    at = stop + 1
  end
end

-- The same of an event stream's bytes.
local function framed(bytes, ended)
  local words, at, found = "", 1, nil
  while #bytes - at + 1 >= 12 do
    local size, headers = number(bytes, at), number(bytes, at + 4)
    local payload = size - headers - OVERHEAD
    if payload < 0 or headers > MOST_HEADERS or payload > MOST_PAYLOAD then return BROKEN end
    -- Behind content only an exception is of interest, as long as nothing has gone on.
    if not found and not intact(bytes, at, at + 8) then return BROKEN end
    if at + size - 1 > #bytes then break end
    if not found and size <= MOST and not intact(bytes, at, at + size - 4) then return BROKEN end
    local block = string.sub(bytes, at + 12, at + 11 + headers)
    local kind = header(block, ":message-type")
    if kind == "exception" or kind == "error" then
      return exception(block, string.sub(bytes, at + 12 + headers, at + size - 5))
    end
    if not found and header(block, ":event-type") == "PayloadPart" then
      words = words .. string.sub(bytes, at + 12 + headers, at + size - 5)
      found = said(words, false)
      if found and found ~= CONTENT then return found end
    end
    at = at + size
  end
  if found then return found end
  if ended and at <= #bytes then return BROKEN end
  return said(words, ended)
end

local function judge(bytes, is_framed, ended)
  local found = is_framed and framed(bytes, ended) or nil
  if not is_framed then found = said(bytes, ended) end
  if found then return found end
  if ended then return NOTHING end
  return #bytes > MOST and CONTENT or nil
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local kind = string.lower(headers:get("content-type") or "")
  local is_framed = string.sub(kind, 1, #FRAMED) == FRAMED
  local streamed = is_framed or string.sub(kind, 1, 17) == "text/event-stream"
  if headers:get(":status") ~= "200" or not streamed then return end
  handle:streamInfo():dynamicMetadata():set(FIRST, "said", WAITING)
  local bytes, chunks = "", 0
  for chunk in handle:bodyChunks() do
    if chunk:length() > 0 then
      bytes = bytes .. chunk:getBytes(0, chunk:length())
      -- What cannot be judged is the worker's to judge.
      local judged, found = pcall(judge, bytes, is_framed, false)
      chunks = chunks + 1
      if not judged or (not found and chunks >= MOST_CHUNKS) then found = CONTENT end
      if found then
        handle:streamInfo():dynamicMetadata():set(FIRST, "said", found)
        return
      end
    end
  end
  local judged, found = pcall(judge, bytes, is_framed, true)
  handle:streamInfo():dynamicMetadata():set(FIRST, "said", judged and found or CONTENT)
end
