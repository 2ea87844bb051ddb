// Vercel's AI SDK as it comes: draws what each line asks for, and says what it got.
import { createInterface } from "node:readline";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateImage, RetryError } from "ai";

async function pictures({ base_url: baseURL, model, ...fields }) {
  const provider = createOpenAI({ baseURL, apiKey: "unused" });
  try {
    const { images } = await generateImage({ model: provider.image(model), ...fields });
    return { pictures: images.map((image) => ({ b64_json: image.base64 })) };
  } catch (error) {
    const last = RetryError.isInstance(error) ? error.lastError : error;
    if (!APICallError.isInstance(last)) throw error;
    return { error: { kind: last.name, status: last.statusCode, code: last.data?.error.code, message: last.message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await pictures(JSON.parse(line))));
}
