// The OpenAI SDK for Node.js against a gateway: prints what it saw as one JSON document. Argument: the base URL.
import OpenAI from "openai";

let attempts = 0;
const client = new OpenAI({
  baseURL: process.argv[2],
  apiKey: "unused",
  fetch: (...call) => {
    attempts += 1;
    return fetch(...call);
  },
});
const messages = [{ role: "user", content: "alpha bravo charlie" }];

async function failure(request) {
  attempts = 0;
  try {
    await client.chat.completions.create(request);
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code };
  }
  return { class: "none" };
}

const unary = (await client.chat.completions.create({ model: "chat", messages })).choices[0].message.content;
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "chat", messages, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const unknown_model = await failure({ model: "nobody", messages });
const blocked = await failure({
  model: "chat",
  messages: [{ role: "user", content: "my key is AKIAIOSFODNN7EXAMPLE" }],
});
blocked.attempts = attempts;
console.log(JSON.stringify({ unary, streamed, models, unknown_model, blocked }));
