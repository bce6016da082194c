-- One attempt at one target: an upstream filter of that target's cluster. The renderer puts two lines before this:
-- `local TARGET = "<id>"`, or nil where a cluster has several targets (Envoy before 1.40): then the filter before this
-- one names the attempt's; and `local WAITS = true`, or false where an answer must not be held back (Envoy before 1.37):
-- then only its headers are judged, and nothing is signed again.
--
-- The worker planned every attempt in one pass: dynamic metadata `kt.attempts` holds, by target id, the exact headers
-- that were signed; `kt.bodies` a target's own body, where it differs from the one Envoy holds. Nothing else goes upstream.
-- Edits to the headers persist into the next attempt (one header map serves them all; measured on 1.40.0), so each
-- attempt removes everything and sets everything: a stale content-length would desynchronise HTTP/1.
--
-- A refusal that a new signature cures is repeated at the same target, once: a worker signs again what it signed before
-- (its ticket, "ticket" in the plan, proves that it did), and the order of targets gets this one a second time. The
-- router then retries as ever, so that a stream stays a stream. It has one retry to spare for that (ask.py); so whether
-- anything is left to try is decided here: by x-kt-retriable on an answer, by `overdue` where none came.
--
-- Each reading of a namespace makes Lua tables of all that it holds, and each structure in it costs Envoy at every copy.
-- So what is said of one attempt is one text, of lines "name: value"; and an exchange whose first attempt is answered
-- with a 200 never reads `kt.plan` (all that is from structures took a sixth of Envoy's time for it; measured on 1.40.0).

local PLAN = "kt.attempts"
local BODIES = "kt.bodies"
-- "priority_groups": the order of targets, one entry for each attempt; "attempt_ms": how long each may go without an
-- answer; "limits_ms": the same by target's id, where a target's whole time is shorter; "triggers": the failures that a
-- request may go on from, all of them when there is no such field.
local ORDER = "kt.plan"
-- Written for the worker and for the audit trail, by the attempt's number; of one that has no answer (yet), target,
-- status (0), began and, when nothing streams, whole. A stream's answer is what it begins with, and its status is what
-- that amounts to; `elapsed_ms` is how long it took.
local OUTCOMES = "kt.outcomes"
local TOLD = {
  "target", "status", "error_type", "original_status", "error_code", "retry_after", "date", "credentials", "elapsed_ms",
  "retriable", "began", "whole",
}
-- A header that names this attempt's target where TARGET does not; no plan has it, so it goes no further.
local NAMED = "x-kt-target"
-- Written by first_content.lua: what the answer begins with.
local FIRST = "kt.first"
local WAITING = "waiting"
-- Read by the worker with the head of a request (enclose.lua) or of an answer: the whole body, when it is no longer than
-- so many bytes. It is spared a message and a turn; one that is longer comes after its head.
local ENCLOSED = "kt.enclosed"
local MOST_ENCLOSED = 65536
-- Who cannot be reached, which is known at once.
local NOBODY = "kt.nobody"
local NOBODY_MS = 1000
-- Of an attempt's time, what counts as all of it: Envoy's timers go by another clock than our timestamps, and may be
-- faster (measured: a timeout of 200 ms was seen as less).
local NEARLY = 0.95
-- It always fails: no call that a trace should tell of.
local NO_CALL = { timeout_ms = NOBODY_MS, trace_sampled = false }
-- The cluster of workers, their method for a new signature, and how long they may take (the worker gives up before).
local WORKERS = "kt.workers"
local RESIGN = "/kt.v1.Signer/Resign"
local RESIGN_MS = 6000

-- What in a plan is no header ("body": of its own; "again": send again what the platform has timed out; "whole": nothing
-- streams), and which of the headers a signature consists of.
local OURS = { body = true, ticket = true, again = true, whole = true }
local SIGNATURE = { authorization = true, ["x-amz-date"] = true, ["x-amz-security-token"] = true }

-- Error types of a 403 that newer credentials may cure.
local STALE = {
  ExpiredTokenException = true, ExpiredToken = true,
  UnrecognizedClientException = true, UnrecognizedClient = true, InvalidClientTokenId = true,
}

-- Further AWS error types that another target may be spared (AWS "Common Errors"; InvokeEndpoint's errors).
local RETRIABLE = {
  [400] = { ThrottlingException = true, Throttling = true },
  [403] = { AccessDeniedException = true, AccessDenied = true },
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

-- The lines of a text as a table. (A pattern would take five times as long: measured.)
local function parsed(text)
  local fields, at = {}, 1
  while text do
    local colon = string.find(text, ": ", at, true)
    local stop = colon and string.find(text, "\n", colon, true)
    if not stop then break end
    fields[string.sub(text, at, colon - 1)] = string.sub(text, colon + 2, stop - 1)
    at = stop + 1
  end
  return fields
end

-- A table as lines, of the names in a list.
local function written(fields, names)
  local lines = {}
  for _, name in ipairs(names) do
    if fields[name] ~= nil then lines[#lines + 1] = name .. ": " .. tostring(fields[name]) .. "\n" end
  end
  return table.concat(lines)
end

-- A header's value as text that the worker can read, whatever bytes it has.
local function ascii(value)
  return value and (string.gsub(value, "[^ -~]", "?"))
end

local function count(outcomes)
  local n = 0
  while outcomes[tostring(n + 1)] do n = n + 1 end
  return n
end

-- How many attempts there are to be.
local function planned(order)
  return #(order.priority_groups or {})
end

-- "" as long as no stream has begun.
local function first(handle)
  return (handle:streamInfo():dynamicMetadata():get(FIRST) or {}).said or ""
end

local function now_ms(handle)
  return tonumber(handle:timestamp(EnvoyTimestampResolution.MILLISECOND)) or 0
end

-- How long an attempt at a target may go without an answer.
local function allowed(order, target)
  return (order.limits_ms or {})[target] or order.attempt_ms
end

-- "timeout" or "server_error" when the attempts before this one end the request, for the last of them brought no answer:
-- every planned one was made, and the last took all its time (nothing is asked twice to think longer; one that broke
-- off, most likely on a connection that AWS closed meanwhile, may well be repeated), or the plan does not go on from
-- that; else nil.
local function stopped(handle, outcomes)
  local made = count(outcomes)
  local last = parsed(outcomes[tostring(made)])
  if last.status ~= "0" then return nil end
  local order = handle:streamInfo():dynamicMetadata():get(ORDER) or {}
  local most = allowed(order, last.target)
  local late = most and now_ms(handle) - tonumber(last.began) >= most * NEARLY
  if late and made >= planned(order) then return "timeout" end
  local kind = late and "timeout" or "server_error"
  return order.triggers and not order.triggers[kind] and kind or nil
end

local function install(handle, plan, target, made)
  -- Status 0 stays when no answer comes: connect failure, reset, or the attempt's time ran out.
  local begun = { target = target, status = 0, began = now_ms(handle), whole = plan.whole }
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(OUTCOMES, tostring(made + 1), written(begun, TOLD))
  -- The request's, or that of an answer that was not the last.
  metadata:set(ENCLOSED, "body", "")

  local headers = handle:headers()
  local stale = {}
  for name, _ in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and plan[name] == nil then stale[#stale + 1] = name end
  end
  for _, name in ipairs(stale) do headers:remove(name) end
  for name, value in pairs(plan) do
    if not OURS[name] then headers:replace(name, value) end
  end
  if plan.body then
    -- Before the wait for Envoy's own: what was taken from the handle is of no use after it.
    local own = metadata:get(BODIES)[target]
    handle:body():setBytes(own)
  end
end

function envoy_on_request(handle)
  local outcomes = handle:streamInfo():dynamicMetadata():get(OUTCOMES)
  if outcomes then
    -- What the attempt before began with.
    handle:streamInfo():dynamicMetadata():set(FIRST, "said", "")
    -- An error here would let the request pass as it is (Envoy only logs it); what was not signed is never sent.
    local judged, kind = pcall(stopped, handle, outcomes)
    -- Envoy's own words for both.
    if judged and kind == "timeout" then
      handle:respond({ [":status"] = "504" }, "upstream_per_try_timeout")
      return
    elseif judged and kind then
      handle:respond({ [":status"] = "503" }, "upstream_reset_before_response_started")
      return
    end
  end
  local target = TARGET or handle:headers():get(NAMED)
  local text = (handle:streamInfo():dynamicMetadata():get(PLAN) or {})[target or ""]
  local read, plan = pcall(parsed, text)
  -- No plan: a worker and Envoy that disagree about the targets.
  if not read or not plan.authorization or not pcall(install, handle, plan, target, count(outcomes or {})) then
    handle:respond({ [":status"] = "503" }, "")
  end
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

-- What a new signature needs to be better than the refused one: newer credentials, the right time, or for a bearer
-- token, which is refused without a reason, either; else nil.
local function curable(status, error_type, known)
  if known == "CLOCK_SKEW" then return "clock" end
  -- Denied is not unknown.
  if known == "BEARER_REFUSED" and string.find(string.lower(error_type), "denied", 1, true) then return nil end
  if known == "BEARER_REFUSED" then return "bearer" end
  return status == 403 and STALE[error_type] and "credentials" or nil
end

-- Bytes as the one message of a gRPC call: a flag and the length before it.
local function framed(message)
  local n = #message
  local length = string.char(math.floor(n / 2^24), math.floor(n / 2^16) % 256, math.floor(n / 2^8) % 256, n % 256)
  return "\0" .. length .. message
end

-- Ask the workers for the headers of a new signature; an error when they give none.
local function signature(handle, plan, target, cause, date)
  local lines = { "target: " .. target, "cause: " .. cause, "date: " .. date, "ticket: " .. plan.ticket, "" }
  for name, value in pairs(plan) do
    if not OURS[name] and not SIGNATURE[name] then lines[#lines + 1] = name .. ": " .. value end
  end
  local headers, body = handle:httpCall(WORKERS, {
    [":method"] = "POST", [":path"] = RESIGN, [":authority"] = WORKERS, te = "trailers",
    ["content-type"] = "application/grpc",
  }, framed(table.concat(lines, "\n")), RESIGN_MS)
  assert(headers[":status"] == "200" and not headers["grpc-status"])
  local signed = {}
  for name, value in string.gmatch(string.sub(body, 6), "([^\n]-): ([^\n]*)\n") do
    assert(SIGNATURE[name])
    signed[name] = value
  end
  assert(signed.authorization)
  return signed
end

-- Plan one attempt more at this target, next, with a new signature.
local function sign_again(handle, plan, target, cause, date, made)
  local signed = signature(handle, plan, target, cause, date)
  local names = {}
  for name, value in pairs(plan) do
    if name ~= "ticket" and not SIGNATURE[name] then signed[name] = value end
  end
  for name, _ in pairs(signed) do names[#names + 1] = name end
  local metadata = handle:streamInfo():dynamicMetadata()
  local order = metadata:get(ORDER).priority_groups
  table.insert(order, made + 1, { name = target })
  metadata:set(PLAN, target, written(signed, names))
  metadata:set(ORDER, "priority_groups", order)
end

local function retriable(status, error_type, original, known, cause, again)
  if status >= 500 or status == 429 or status == 408 then return true end
  -- 0: the platform's own limit of time. The container goes on with the work, so that another attempt would double it.
  if status == 424 then return original ~= nil and (original == 429 or original >= 500 or (original == 0 and again)) end
  return known ~= nil or cause ~= nil or (RETRIABLE[status] ~= nil and RETRIABLE[status][error_type] == true)
end

-- Whether the plan goes on from such a failure: of a 424, the container's status says which it is.
local function triggered(order, status, error_type, original)
  local triggers = order.triggers
  if not triggers then return true end
  local said = original or status
  if said == 429 or string.match(error_type, "^Throttling") then return triggers.rate_limit == true end
  if said == 0 or said == 408 or said == 504 then return triggers.timeout == true end
  return triggers.server_error == true
end

-- Hold the headers until it is known what a stream begins with. A script that waits for an HTTP call holds them; one that
-- waits for a chunk holds them only if it waited for a call before (measured; the chunk then wakes it). So each time that
-- first_content.lua has not decided there is a call, which fails: about 0.03 ms of Envoy's time, in most streams once.
local function held(handle)
  local said = first(handle)
  if said ~= WAITING then return said end
  local next_chunk = handle:bodyChunks()
  while said == WAITING do
    handle:httpCall(NOBODY, { [":method"] = "GET", [":path"] = "/", [":authority"] = NOBODY }, nil, NO_CALL)
    said = first(handle)
    if said == WAITING then
      local more = next_chunk()
      said = first(handle)
      if not more then break end
    end
  end
  return said
end

function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(":status")) or 0
  local outcomes = handle:streamInfo():dynamicMetadata():get(OUTCOMES) or {}
  local made = count(outcomes)
  local begun = parsed(outcomes[tostring(made)])
  local text = ""
  -- What of a whole answer has come is held until all of it has: an attempt that breaks off or stalls in it goes on to
  -- the next target, and the workers want it whole anyway.
  if WAITS and status == 200 and begun.whole then
    local body = handle:body()
    local length = body and body:length() or 0
    if length > 0 and length <= MOST_ENCLOSED then
      handle:streamInfo():dynamicMetadata():set(ENCLOSED, "body", handle:base64Escape(body:getBytes(0, length)))
    end
  end
  if WAITS and (status == 400 or status == 401 or status == 403 or status == 424) then
    -- Waits for the rest of the body. What was taken from the handle before is of no use afterwards.
    local body = handle:body()
    if body then text = body:getBytes(0, body:length()) end
  end

  local headers = handle:headers()
  -- "ThrottlingException:http://internal.amazon.com/coral/…": the type ends at ":" or "#".
  local error_type = string.match(headers:get("x-amzn-errortype") or "", "^[^:#]*")
  local original, code, cause, known
  if status ~= 200 then
    if error_type == "" then error_type = string.match(text, '"__type"%s*:%s*"[^"]-([%w_]+)"') or "" end
    -- In OriginalMessage, the container's own words, every quote is escaped: these match SageMaker's fields only.
    original = tonumber(string.match(text, '"OriginalStatusCode"%s*:%s*(%d+)'))
    local untyped = error_type == ""
    local openai = untyped and openai_code(text) or nil
    if openai then
      -- Only here is the status in words alone; the first such words are the platform's, not the container's.
      original = original or tonumber(string.match(text, "Received %a+ error %((%d+)%)"))
      error_type = openai
    end
    known = known_code(status, text) or (untyped and openai_known(status, openai, text)) or nil
    -- AWS "Common Errors": more than 15 minutes after its date.
    if status == 400 and error_type == "RequestExpired" then known = "CLOCK_SKEW" end
    code = known or string.match(text, '"ErrorCode"%s*:%s*"([%w_]+)"')
    cause = curable(status, error_type, known)
  end
  -- By this the worker corrects its clock.
  local date = cause and cause ~= "credentials" and headers:get("date") or nil
  local retry_after = tonumber(headers:get("retry-after") or headers:get("x-amz-retry-after") or "")
  if status == 429 and headers:get("x-kt-trap") then error_type = "NoHealthyHost" end
  -- x-kt-retriable among them: only this filter may say so.
  local foreign = {}
  for name, _ in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and not KEPT[name] then foreign[#foreign + 1] = name end
  end
  for _, name in ipairs(foreign) do headers:remove(name) end
  if status == 200 then
    headers:remove("retry-after")
    local said = parsed(held(handle))
    if said.status then
      status, error_type, original, code = tonumber(said.status), said.error_type, tonumber(said.original_status), said.error_code
      handle:headers():replace(":status", said.status)
    end
  end

  local metadata = handle:streamInfo():dynamicMetadata()
  local target = TARGET or begun.target
  -- Read when it is needed.
  local plan = parsed((cause or original == 0) and (metadata:get(PLAN) or {})[target] or "")
  local again = retriable(status, error_type, original, known, cause, plan.again)
  local outcome = {
    target = target, status = status, error_type = error_type ~= "" and ascii(error_type) or nil,
    original_status = original, error_code = code, date = ascii(date), retry_after = retry_after,
    elapsed_ms = begun.began and now_ms(handle) - tonumber(begun.began) or nil, retriable = again or nil,
    credentials = cause ~= "clock" and plan.ticket and string.match(plan.ticket, "^[^ ]+") or nil,
  }
  metadata:set(OUTCOMES, tostring(made), written(outcome, TOLD))
  -- Whatever goes wrong there, the answer is the refusal that it was.
  if WAITS and cause and plan.ticket then pcall(sign_again, handle, plan, target, cause, date or "", made) end
  if not again then return end
  local order = handle:streamInfo():dynamicMetadata():get(ORDER) or {}
  -- A new signature is not another target.
  if not cause and not triggered(order, status, error_type, original) then return end
  if made < planned(order) then handle:headers():replace("x-kt-retriable", "1") end
end
