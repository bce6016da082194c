-- One attempt at one target: an upstream filter of that target's cluster. The renderer puts `local TARGET = "<id>"` before this.
--
-- The worker planned every attempt in one pass: dynamic metadata `kt.attempts` holds, by target id, the exact headers
-- that were signed (and "body", when this target's body differs from the one Envoy holds). Nothing else goes upstream.
-- Edits to the headers persist into the next attempt (one header map serves them all; measured on 1.40.0), so each
-- attempt removes everything and sets everything: a stale content-length would desynchronise HTTP/1.

local PLAN = "kt.attempts"
-- Written for the worker and for the audit trail: {"1": {target, status, error_type, original_status, error_code}, "2": …}.
local OUTCOMES = "kt.outcomes"

-- AWS error types that another target may be spared (reference: AWS "Common Errors" and InvokeEndpoint's errors).
local RETRIABLE = {
  [400] = { ThrottlingException = true, Throttling = true },
  [403] = {
    ExpiredTokenException = true, ExpiredToken = true,
    UnrecognizedClientException = true, UnrecognizedClient = true, InvalidClientTokenId = true,
    AccessDeniedException = true, AccessDenied = true,
  },
}

local function count(outcomes)
  local n = 0
  while outcomes[tostring(n + 1)] do n = n + 1 end
  return n
end

function envoy_on_request(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local plan = (metadata:get(PLAN) or {})[TARGET]
  if not plan then
    -- Not planned for this request (a worker and Envoy that disagree about the targets): never send what was not signed.
    handle:respond({ [":status"] = "503" }, "")
    return
  end

  -- Status 0 stays when no answer comes: connect failure, reset, or the attempt's time ran out.
  metadata:set(OUTCOMES, tostring(count(metadata:get(OUTCOMES) or {}) + 1), { target = TARGET, status = 0 })

  local headers = handle:headers()
  local stale = {}
  for name, _ in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and plan[name] == nil then stale[#stale + 1] = name end
  end
  for _, name in ipairs(stale) do headers:remove(name) end
  for name, value in pairs(plan) do
    if name ~= "body" then headers:replace(name, value) end
  end
  if plan.body then handle:body():setBytes(plan.body) end
end

local function original_status(body)
  local status = string.match(body, '"OriginalStatusCode"%s*:%s*(%d+)')
  return status and tonumber(status)
end

local function retriable(status, error_type, original, code)
  if status == 424 then return original ~= nil and (original == 429 or original >= 500) end
  if status == 400 and (code == "NO_SUCH_ENDPOINT" or code == "NO_CAPACITY") then return true end
  local types = RETRIABLE[status]
  return types ~= nil and types[error_type] == true
end

function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(":status")) or 0
  local text = ""
  if status == 424 or status == 400 then
    -- Waits for the rest of the body. What was taken from the handle before is of no use afterwards.
    local body = handle:body()
    if body then text = body:getBytes(0, body:length()) end
  end

  local headers = handle:headers()
  -- "ThrottlingException:http://internal.amazon.com/coral/…": the type ends at ":" or "#".
  local error_type = string.match(headers:get("x-amzn-errortype") or "", "^[^:#]*")
  local original = original_status(text)
  local code = string.match(text, '"ErrorCode"%s*:%s*"([%w_]+)"')
  if string.find(text, "has no capacity to process this request", 1, true) then code = "NO_CAPACITY" end
  if headers:get("x-kt-trap") then
    headers:remove("x-kt-trap")
    error_type = "NoHealthyHost"
  end

  -- Only this filter may say so.
  headers:remove("x-kt-retriable")
  if retriable(status, error_type, original, code) then headers:replace("x-kt-retriable", "1") end

  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(OUTCOMES, tostring(count(metadata:get(OUTCOMES) or {})), {
    target = TARGET, status = status, error_type = error_type,
    original_status = original, error_code = code,
  })
end
