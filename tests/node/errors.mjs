// What the OpenAI SDK for Node.js raises for each model: prints one JSON document. Arguments: the base URL, whether to
// stream, and the models, the latter two as JSON.
import OpenAI from "openai";

const [url, stream, models] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "unused", maxRetries: 0 });
const told = {};

async function ask(model) {
  try {
    const answer = await client.chat.completions.create({
      model,
      stream: JSON.parse(stream),
      messages: [{ role: "user", content: "hello there" }],
    });
    if (JSON.parse(stream)) for await (const chunk of answer) void chunk;
    told[model] = { class: "none" };
  } catch (error) {
    const { status, type, code, message, requestID } = error;
    told[model] = { class: error.constructor.name, status, type, code, message, requestID };
  }
}

await Promise.all(JSON.parse(models).map(ask));
console.log(JSON.stringify(told));
