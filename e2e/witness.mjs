// Runs the witness in workerd and holds it to the test vectors that it meets under Node.js too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { now, request, vectors } from "../internal/witness/testdata/load.mjs";

const modules = [
  {
    type: "ESModule",
    path: "main.js",
    // The time and what get() returns are those of a test vector.
    contents: `import witness from "./witness.js";
      export default {
        fetch(request, { SECRETS, ...env }) {
          Date.now = () => Number(request.headers.get("x-now"));
          for (const [name, { value, error }] of Object.entries(SECRETS)) {
            env[name] = { get: async () => { if (error !== undefined) throw new Error(error); return value; } };
          }
          return witness.fetch(request, env);
        },
      };`,
  },
  { type: "ESModule", path: "witness.js", contents: readFileSync("../internal/witness/witness.js", "utf8") },
];

// run uploads the witness with these secrets, and calls what uses it.
async function run(secrets, use) {
  const mf = new Miniflare({
    modules,
    compatibilityDate: "2025-09-01",
    bindings: { FINGERPRINT_KEY: vectors.fingerprint_key, SESSION_KEY: vectors.session_key, SECRETS: secrets },
  });
  try {
    await use(async ({ method = "POST", now, request }) => {
      const body = method === "POST" ? request : undefined;
      const answer = await mf.dispatchFetch("http://witness.test/", { method, body, headers: { "x-now": String(now) } });
      return { status: answer.status, answer: await answer.text() };
    });
  } finally {
    await mf.dispose();
  }
}

let messages = 0;
for (const conversation of vectors.conversations) {
  await run(conversation.secrets, async (post) => {
    for (const message of conversation.messages) {
      const { status, answer } = message;
      assert.deepEqual(await post(message), { status, answer }, conversation.name);
      messages++;
    }
  });
}

const secrets = {};
const questions = vectors.fingerprints.map(({ subject, value, repeat = 1, fingerprint }, i) => {
  secrets[`SECRETSYNC_${i}`] = { value: value.repeat(repeat) };
  return { binding: `SECRETSYNC_${i}`, subject, fingerprints: [fingerprint] };
});
await run(secrets, async (post) => {
  const { answer } = await post({ now, request: request(questions) });
  const { answers } = JSON.parse(answer.split("\n")[1]);
  for (const [i, { name, matches }] of vectors.fingerprints.entries()) {
    assert.equal(answers[i].result, matches ? "match" : "mismatch", name);
  }
});

console.log(`${messages} messages, ${questions.length} fingerprints`);
