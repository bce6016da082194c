// Embeddings and completions through the OpenAI SDK for Node.js: prints what it saw as one JSON document. Arguments: the
// base URL, the models that embed and those that complete, as JSON.
import OpenAI from "openai";

const [url, embedding, completing] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: "unused", maxRetries: 0 });
const told = { embeddings: {}, completions: {} };

async function embed(model) {
  // Without a format the SDK asks for base64, and decodes whatever comes.
  const unasked = await client.embeddings.create({ model, input: ["one", "two words"] });
  const floats = await client.embeddings.create({ model, input: "one", encoding_format: "float" });
  told.embeddings[model] = {
    unasked: unasked.data.map((entry) => Array.from(entry.embedding)),
    index: unasked.data.map((entry) => entry.index),
    floats: floats.data[0].embedding,
    usage: unasked.usage.total_tokens,
  };
}

async function complete(model) {
  const whole = await client.completions.create({ model, prompt: "alpha bravo", max_tokens: 9 });
  let streamed = "";
  const finishes = [];
  for await (const chunk of await client.completions.create({ model, prompt: "alpha bravo", max_tokens: 9, stream: true })) {
    streamed += chunk.choices[0]?.text ?? "";
    if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason);
  }
  told.completions[model] = { whole: whole.choices[0].text, object: whole.object, streamed, finishes };
}

await Promise.all([...JSON.parse(embedding).map(embed), ...JSON.parse(completing).map(complete)]);
console.log(JSON.stringify(told));
