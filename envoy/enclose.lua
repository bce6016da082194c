-- Hands a request's body to the worker together with its head, where it is small: that spares both a message and a turn.
-- Dynamic metadata `kt.enclosed` has it, in base64, until the first attempt (attempt.lua); longer ones, and those of
-- which nobody has said how long they are, come after their heads.

local ENCLOSED = "kt.enclosed"
local MOST = 65536

function envoy_on_request(handle)
  local length = tonumber(handle:headers():get("content-length") or "")
  if not length or length < 1 or length > MOST then return end
  local body = handle:body()
  if body and body:length() > 0 then
    handle:streamInfo():dynamicMetadata():set(ENCLOSED, "body", handle:base64Escape(body:getBytes(0, body:length())))
  end
end
