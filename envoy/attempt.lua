-- One attempt at one target: an upstream filter of that target's cluster. The renderer puts `local TARGET = "<id>"` before this.
--
-- The worker planned every attempt in one pass: dynamic metadata `kt.attempts` holds, by target id, the exact headers
-- that were signed (and "body", when this target's body differs from the one Envoy holds). Nothing else goes upstream.
-- Edits to the headers persist into the next attempt (one header map serves them all; measured on 1.40.0), so each
-- attempt removes everything and sets everything: a stale content-length would desynchronise HTTP/1.

local PLAN = "kt.attempts"
-- Written for the worker and for the audit trail:
-- {"1": {target, status, error_type, original_status, error_code, date}, "2": …}.
local OUTCOMES = "kt.outcomes"

-- AWS error types that another target may be spared (AWS "Common Errors"; InvokeEndpoint's errors).
local RETRIABLE = {
  [400] = { ThrottlingException = true, Throttling = true },
  [403] = {
    ExpiredTokenException = true, ExpiredToken = true,
    UnrecognizedClientException = true, UnrecognizedClient = true, InvalidClientTokenId = true,
    AccessDeniedException = true, AccessDenied = true,
  },
}

-- ValidationError and InvalidSignatureException mean many things; these words tell which (seen in the field).
-- The rest of them would fail everywhere.
local WORDS = {
  [400] = {
    { "NO_SUCH_ENDPOINT", "NO_SUCH_ENDPOINT" },
    { "has no capacity to process this request", "NO_CAPACITY" },
    { "INFERENCE_COMPONENT_NAME_MISSING", "INFERENCE_COMPONENT" },
    { "Inference Component Name header is", "INFERENCE_COMPONENT" },
  },
  [403] = { { "Signature expired", "CLOCK_SKEW" }, { "Signature not yet current", "CLOCK_SKEW" } },
}

-- What the worker reads of an answer's headers, and what frames its body. All others are the container's to set, and
-- no policy reads them: they do not reach the client.
local KEPT = {
  ["content-type"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["content-encoding"] = true,
  ["x-amzn-errortype"] = true, ["x-amzn-requestid"] = true, ["x-amz-retry-after"] = true, ["retry-after"] = true,
  ["x-amzn-sagemaker-new-session-id"] = true, ["x-amzn-sagemaker-closed-session-id"] = true,
}

local function count(outcomes)
  local n = 0
  while outcomes[tostring(n + 1)] do n = n + 1 end
  return n
end

local function install(handle, plan)
  -- Status 0 stays when no answer comes: connect failure, reset, or the attempt's time ran out.
  local metadata = handle:streamInfo():dynamicMetadata()
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

function envoy_on_request(handle)
  local plan = (handle:streamInfo():dynamicMetadata():get(PLAN) or {})[TARGET]
  -- No plan: a worker and Envoy that disagree about the targets. An error here would let the request pass as it is
  -- (Envoy only logs it); what was not signed is never sent.
  if not plan or not pcall(install, handle, plan) then handle:respond({ [":status"] = "503" }, "") end
end

-- The known code that the body's words stand for, else nil.
local function known_code(status, body)
  for _, pair in ipairs(WORDS[status] or {}) do
    if string.find(body, pair[1], 1, true) then return pair[2] end
  end
end

-- The code of SageMaker's OpenAI route: {"error": {"message": …, "type": …, "code": "…"}}, else nil. What it quotes of
-- a container is inside the message, where every quote is escaped, so the first unescaped code is its own.
local function openai_code(body)
  if string.match(body, '^%s*{%s*"error"%s*:%s*{') then return string.match(body, '[,{]%s*"code"%s*:%s*"([%w_]+)"') end
end

-- The code for an error of that route that another target may be spared: 401 and 403 are about our token, unless the
-- container said it; where a container failed, its status is the answer's, and speaks for itself.
local function openai_known(status, code, body)
  if code == "model_error" then return nil end
  if status == 401 or (status == 403 and code) then return "BEARER_REFUSED" end
  if code and string.find(body, "Endpoint %S+ of account %d+ not found") then return "NO_SUCH_ENDPOINT" end
end

local function retriable(status, error_type, original, known)
  if status == 424 then return original ~= nil and (original == 429 or original >= 500) end
  return known ~= nil or (RETRIABLE[status] ~= nil and RETRIABLE[status][error_type] == true)
end

function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(":status")) or 0
  local text = ""
  if status == 400 or status == 401 or status == 403 or status == 424 then
    -- Waits for the rest of the body. What was taken from the handle before is of no use afterwards.
    local body = handle:body()
    if body then text = body:getBytes(0, body:length()) end
  end

  local headers = handle:headers()
  -- "ThrottlingException:http://internal.amazon.com/coral/…": the type ends at ":" or "#".
  local error_type = string.match(headers:get("x-amzn-errortype") or "", "^[^:#]*")
  if error_type == "" then error_type = string.match(text, '"__type"%s*:%s*"[^"]-([%w_]+)"') or "" end
  -- In OriginalMessage, the container's own words, every quote is escaped: these match SageMaker's fields only.
  local original = tonumber(string.match(text, '"OriginalStatusCode"%s*:%s*(%d+)'))
  local untyped = error_type == ""
  local openai = untyped and openai_code(text) or nil
  if openai then
    -- Only here is the status in words alone; the first such words are the platform's, not the container's.
    original = original or tonumber(string.match(text, "Received %a+ error %((%d+)%)"))
    error_type = openai
  end
  local known = known_code(status, text) or (untyped and openai_known(status, openai, text)) or nil
  local code = known or string.match(text, '"ErrorCode"%s*:%s*"([%w_]+)"')
  -- By this the worker corrects its clock.
  local date = known == "CLOCK_SKEW" and headers:get("date") or nil
  if status == 429 and headers:get("x-kt-trap") then error_type = "NoHealthyHost" end
  -- x-kt-retriable among them: only this filter may say so.
  local foreign = {}
  for name, _ in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and not KEPT[name] then foreign[#foreign + 1] = name end
  end
  for _, name in ipairs(foreign) do headers:remove(name) end
  if status == 200 then headers:remove("retry-after") end
  if retriable(status, error_type, original, known) then headers:replace("x-kt-retriable", "1") end

  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(OUTCOMES, tostring(count(metadata:get(OUTCOMES) or {})), {
    target = TARGET, status = status, error_type = error_type,
    original_status = original, error_code = code, date = date,
  })
end
