// Loads the witness and the test vectors, and writes requests, for the scripts beside it and in e2e.
import { createHmac } from "node:crypto";
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

export const bytes = (base64) => Buffer.from(base64, "base64");

// hmac is computed apart from the witness, from the description in docs/formats.md.
export function hmac(key, domain, ...fields) {
  const mac = createHmac("sha256", bytes(key));
  for (const field of [domain, ...fields]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(field)));
    mac.update(length).update(field);
  }
  return mac.digest("base64url");
}

export const now = 1795800000000;

let nonces = 0;

// request returns a request that is valid at the time now.
export function request(questions, { key = vectors.session_key, domain = "secretsync/witness/request/v1", ...more } = {}) {
  const content = JSON.stringify({ nonce: `nonce ${nonces++}`, until: now + 60_000, questions, ...more });
  return `${hmac(key, domain, content)}\n${content}`;
}
