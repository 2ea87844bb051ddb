// OpenAI's SDK for JavaScript as it comes: draws what each line asks for, or lists the models, and says what it got.
import { createInterface } from "node:readline";
import OpenAI from "openai";

async function models(client) {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  return { models: ids };
}

async function pictures(client, fields) {
  try {
    return { pictures: (await client.images.generate(fields)).data };
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { status, code, message } = error;
    return { error: { kind: error.constructor.name, status, code, message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { base_url: baseURL, ...fields } = JSON.parse(line);
  const client = new OpenAI({ baseURL, apiKey: "unused" });
  console.log(JSON.stringify(await ("prompt" in fields ? pictures(client, fields) : models(client))));
}
