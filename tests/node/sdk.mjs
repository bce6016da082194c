// The OpenAI SDK for Node.js, row by row: what somebody who uses it sees. tests/gateway/sdk.py is the same for Python.
// Argument: the base URL. Standard input: rows as JSON. Standard output: what was seen, by the name of the row.
import { text } from "node:stream/consumers";
import OpenAI from "openai";

// The SDK's pauses before it tries again are noted, and hurried; other timers stay as they are.
let waits = [];
const { setTimeout: timer } = globalThis;
globalThis.setTimeout = (then, milliseconds, ...more) => {
  const pause = /openai.internal.utils.sleep/.test(new Error().stack);
  if (pause) waits.push(milliseconds / 1000);
  return timer(then, pause ? 1 : milliseconds, ...more);
};

async function see(row) {
  const seen = { text: "", finish: [], usages: 0, attempts: 0 };
  const client = new OpenAI({
    baseURL: process.argv[2],
    apiKey: "unused",
    defaultHeaders: row.headers,
    fetch: (...call) => {
      seen.attempts += 1;
      return fetch(...call);
    },
  });
  waits = [];
  try {
    const path = row.call.split(".");
    const method = path.pop();
    const resource = path.reduce((object, name) => object[name], client);
    const answer = await resource[method](row.of ?? { ...row.with, ...row.extra });
    if (row.with?.stream) await read(answer, seen, row.with.stream_options?.include_usage);
    else if (row.call === "models.list") for await (const model of answer) seen.text += `${model.id} `;
    else seen.text = row.of ? answer.id : answer.choices[0].message.content;
    seen.request_id = answer._request_id ?? null;
  } catch (error) {
    const { status, type, code, param, message, requestID } = error;
    Object.assign(seen, { raised: error.constructor.name, message, request_id: requestID ?? null });
    Object.assign(seen, { status: status ?? null, type: type ?? null, code: code ?? null, param: param ?? null });
  }
  return { ...seen, waits };
}

// As most people write it: every chunk has a choice, and its delta a text, unless the usage was asked for.
async function read(stream, seen, usage) {
  for await (const chunk of stream) {
    if (usage && chunk.choices.length === 0) {
      seen.usages += chunk.usage.completion_tokens > 0;
      continue;
    }
    seen.text += chunk.choices[0].delta.content ?? "";
    if (chunk.choices[0].finish_reason) seen.finish.push(chunk.choices[0].finish_reason);
  }
}

const told = {};
for (const row of JSON.parse(await text(process.stdin))) told[row.name] = await see(row);
console.log(JSON.stringify(told));
