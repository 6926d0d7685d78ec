// Tests of the witness: node --test testdata/witness_test.mjs, which `go test` does too.
import assert from "node:assert/strict";
import test from "node:test";
import { bindings, bytes, hmac, now, post, request, vectors, witness } from "./load.mjs";

function fingerprint(subject, value, key = vectors.fingerprint_key) {
  const salt = Buffer.from("0123456789abcdef");
  return `v1.${salt.toString("base64url")}.${hmac(key, "secretsync/fingerprint/v1", ...subject, salt, value)}`;
}

const subject = ["account", "store", "secret"];
const question = { binding: "SECRET", subject, fingerprints: [fingerprint(subject, "the value")] };

// ask returns the rows of the answer, after checking that it is authenticated for this request.
async function ask(env, questions) {
  const sent = request(questions);
  const { status, answer } = await post(await witness(), env, { now, request: sent });
  assert.equal(status, 200);
  const [mac, content] = answer.split("\n");
  const { nonce } = JSON.parse(sent.slice(sent.indexOf("\n")));
  assert.equal(mac, hmac(vectors.session_key, "secretsync/witness/answer/v1", nonce, content));
  return JSON.parse(content).answers;
}

const get = (value) => ({ ...bindings({}), SECRET: { get: async () => value } });

for (const { name, subject, value, repeat = 1, fingerprint, matches } of vectors.fingerprints) {
  test(`fingerprint: ${name}`, async () => {
    const live = value.repeat(repeat);
    const [row] = await ask(get(live), [{ binding: "SECRET", subject, fingerprints: [fingerprint] }]);
    assert.equal(row.result, matches ? "match" : "mismatch");
    if (matches) {
      const [, salt, mac] = fingerprint.split(".");
      assert.equal(mac, hmac(vectors.fingerprint_key, "secretsync/fingerprint/v1", ...subject, bytes(salt), live));
    }
  });
}

for (const { name, secrets, messages } of vectors.conversations) {
  test(`conversation: ${name}`, async () => {
    const worker = await witness();
    for (const message of messages) {
      const { status, answer } = await post(worker, bindings(secrets), message);
      assert.deepEqual({ status, answer }, { status: message.status, answer: message.answer });
    }
  });
}

test("an answer has no more than the result, whatever the value", async () => {
  for (const value of ["", "x", "the value", "canary ".repeat(10_000)]) {
    const [row] = await ask(get(value), [question]);
    const same = { binding: "SECRET", result: "match", which: 0 };
    assert.deepEqual(row, value === "the value" ? same : { binding: "SECRET", result: "mismatch" });
  }
});

test("what is not a string is no value", async () => {
  for (const value of [undefined, null, 7, ["the value"], { toString: () => "the value" }, Buffer.from("the value")]) {
    assert.deepEqual(await ask(get(value), [question]), [{ binding: "SECRET", result: "unreadable", reason: "not_text" }]);
  }
});

test("a binding that is no secret is not read", async () => {
  const questions = ["FINGERPRINT_KEY", "SESSION_KEY", "toString", "__proto__", "NONE"].map((binding) => ({ ...question, binding }));
  for (const row of await ask(get("the value"), questions)) {
    assert.deepEqual(row, { binding: row.binding, result: "unreadable", reason: "not_bound" });
  }
});

test("an error of get() is not passed on", async () => {
  for (const error of [new Error("canary"), "canary", undefined, { message: { canary: 1 } }]) {
    const env = { ...bindings({}), SECRET: { get: () => Promise.reject(error) } };
    assert.deepEqual(await ask(env, [question]), [{ binding: "SECRET", result: "unreadable", reason: "rejected" }]);
  }
  const env = { ...bindings({}), SECRET: { get: () => { throw new Error('Secret "x" not found'); } } };
  assert.deepEqual(await ask(env, [question]), [{ binding: "SECRET", result: "unreadable", reason: "not_found" }]);
});

test("one secret that is never read does not keep the others from being answered", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const env = { ...get("the value"), SLOW: { get: () => new Promise(() => {}) } };
  const rows = ask(env, [{ ...question, binding: "SLOW" }, question]);
  const ticking = setInterval(() => t.mock.timers.tick(1000), 1);
  assert.deepEqual(await rows, [
    { binding: "SLOW", result: "unreadable", reason: "timeout" },
    { binding: "SECRET", result: "match", which: 0 },
  ]);
  clearInterval(ticking);
});

test("nothing is answered without the session key, and no secret is read", async () => {
  let reads = 0;
  const env = { ...bindings({}), SECRET: { get: async () => { reads++; return "the value"; } } };
  const content = request([question]).split("\n")[1];
  const other = Buffer.alloc(32, 7).toString("base64");
  const refused = {
    "no MAC": content,
    "an empty MAC": `\n${content}`,
    "a MAC that is no base64": `!!!\n${content}`,
    "a MAC of other content": `${request([]).split("\n")[0]}\n${content}`,
    "part of a MAC": `${hmac(vectors.session_key, "secretsync/witness/request/v1", content).slice(0, 40)}\n${content}`,
    "another session key": request([question], { key: other }),
    "the fingerprint key instead of the session key": request([question], { key: vectors.fingerprint_key }),
    "the domain of answers": request([question], { domain: "secretsync/witness/answer/v1" }),
    "expired": request([question], { until: now - 1 }),
    "valid for too long": request([question], { until: now + 300_001 }),
    "valid forever": request([question], { until: null }),
    "valid until a text": request([question], { until: "soon" }),
    "no questions": request(undefined),
    "too long": request([question], { more: "x".repeat(1 << 20) }),
    "nothing": "",
  };
  for (const [name, body] of Object.entries(refused)) {
    const got = await post(await witness(), env, { now, request: body });
    assert.deepEqual(got, { status: 403, answer: "" }, name);
  }
  for (const [name, broken] of Object.entries({ missing: undefined, empty: "", short: "AAAA" })) {
    const got = await post(await witness(), { ...env, SESSION_KEY: broken }, { now, request: request([question]) });
    assert.deepEqual(got, { status: 403, answer: "" }, `session key: ${name}`);
  }
  assert.equal(reads, 0);
});

test("a request is answered once", async () => {
  const worker = await witness();
  const sent = request([question]);
  const env = get("the value");
  const both = await Promise.all([post(worker, env, { now, request: sent }), post(worker, env, { now, request: sent })]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 403]);
  assert.equal((await post(worker, env, { now, request: sent })).status, 403);
  assert.equal((await post(worker, env, { now, request: request([question]) })).status, 200);
});
