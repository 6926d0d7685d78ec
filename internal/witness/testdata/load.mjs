// Loads the witness and the test vectors for the scripts beside it.
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../witness.js", import.meta.url));
let instances = 0;

// witness returns a new instance of the witness, as after an upload.
export async function witness() {
  const text = `${source}\n// instance ${instances++}`;
  return (await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`)).default;
}

export const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url)));

// bindings are those of an upload, with the secrets of a test vector.
export function bindings(secrets) {
  const env = { FINGERPRINT_KEY: vectors.fingerprint_key, SESSION_KEY: vectors.session_key };
  for (const [name, { value, error }] of Object.entries(secrets)) {
    env[name] = {
      get: async () => {
        if (error !== undefined) throw new Error(error);
        return value;
      },
    };
  }
  return env;
}

// post sends a request to the witness, at the time now.
export async function post(worker, env, { method = "POST", now, request }) {
  Date.now = () => now;
  const body = method === "POST" ? request : undefined;
  const answer = await worker.fetch(new Request("https://witness.test/", { method, body }), env);
  return { status: answer.status, answer: await answer.text() };
}
