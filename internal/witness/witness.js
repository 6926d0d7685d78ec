// The witness proves whether the live values of secrets are those that fingerprints represent.
//
// secretsync runs it as a preview: it is never deployed, has no route, and ends after minutes. It
// answers "match", "mismatch" or "unreadable" for each secret, and nothing else: no value, no
// length and no digest of one, and nothing at all without the session key. What secretsync sends
// and what this Worker answers is described in docs/formats.md, and why it is safe in
// docs/verify.md. It uses no other module.
//
// Bindings: FINGERPRINT_KEY and SESSION_KEY (32 bytes each, in base64), and the secrets.

const GET_TIMEOUT = 10_000; // milliseconds, for reading one secret
const MAX_LIFETIME = 300_000; // milliseconds in which a request may be answered
const MAX_REQUEST = 1 << 20; // bytes

const hmac = { name: "HMAC", hash: "SHA-256" };
const utf8 = new TextEncoder();
const answered = new Set(); // nonces

export default {
  async fetch(request, env) {
    try {
      const { questions, nonce } = await authenticate(request, env);
      const answers = await Promise.all(questions.map((question) => answer(question, env)));
      return await authenticated(JSON.stringify({ answers }), nonce, env);
    } catch {
      return new Response(null, { status: 403 }); // without a reason: it might say something about a value
    }
  },
};

// authenticate returns the content of a request that was sent under the session key, is still
// valid, and was not answered before. A request is a MAC, a line feed, and JSON.
async function authenticate(request, env) {
  if (request.method !== "POST" || Number(request.headers.get("content-length")) > MAX_REQUEST) throw new Error();
  const body = new Uint8Array(await request.arrayBuffer());
  const end = body.indexOf(10);
  if (end < 0 || body.length > MAX_REQUEST) throw new Error();
  const mac = fromBase64(new TextDecoder().decode(body.subarray(0, end)));
  const content = body.subarray(end + 1);
  const key = await importKey(env.SESSION_KEY, "verify");
  const signed = fields("secretsync/witness/request/v1", content);
  if (!(await crypto.subtle.verify(hmac, key, mac, signed))) throw new Error();

  const { nonce, until, questions } = JSON.parse(new TextDecoder().decode(content));
  const left = until - Date.now();
  if (!(left >= 0 && left <= MAX_LIFETIME) || answered.has(nonce)) throw new Error();
  answered.add(nonce);
  return { nonce, questions };
}

// authenticated returns the answer to the request with this nonce: a MAC, a line feed, and JSON.
async function authenticated(content, nonce, env) {
  const key = await importKey(env.SESSION_KEY, "sign");
  const mac = await crypto.subtle.sign(hmac, key, fields("secretsync/witness/answer/v1", nonce, content));
  return new Response(`${toBase64(mac)}\n${content}`, {
    headers: { "content-type": "text/plain", "cache-control": "no-store" },
  });
}

// answer says which of the fingerprints the live value has. All are compared, so that the time
// does not depend on which it is; verify compares in constant time.
async function answer({ binding, subject, fingerprints }, env) {
  const { value, reason } = await read(env[binding]);
  if (reason) return { binding, result: "unreadable", reason };
  const key = await importKey(env.FINGERPRINT_KEY, "verify");
  const same = await Promise.all(fingerprints.map((fingerprint) => represents(fingerprint, subject, value, key)));
  const which = same.indexOf(true);
  return which < 0 ? { binding, result: "mismatch" } : { binding, result: "match", which };
}

// read returns a secret's value, or why it cannot be read.
async function read(secret) {
  if (typeof secret?.get !== "function") return { reason: "not_bound" };
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, GET_TIMEOUT, { reason: "timeout" });
  });
  const get = async () => {
    const value = await secret.get();
    return typeof value === "string" ? { value } : { reason: "not_text" };
  };
  try {
    return await Promise.race([get(), timeout]);
  } catch (error) {
    return { reason: /not found/i.test(error?.message) ? "not_found" : "rejected" };
  } finally {
    clearTimeout(timer);
  }
}

// represents reports whether a fingerprint, "v1.SALT.MAC", is one of the value. A malformed one
// is one of no value.
async function represents(fingerprint, subject, value, key) {
  const [, salt, mac] = /^v1\.([\w-]{22})\.([\w-]{43})$/.exec(fingerprint) ?? [];
  if (!mac) return false;
  const content = fields("secretsync/fingerprint/v1", ...subject, fromBase64(salt), value);
  return crypto.subtle.verify(hmac, key, fromBase64(mac), content);
}

function importKey(base64, use) {
  const bytes = fromBase64(base64);
  if (bytes.length !== 32) throw new Error();
  return crypto.subtle.importKey("raw", bytes, hmac, false, [use]);
}

// fields joins texts and bytes, each after its length in 8 bytes, so that no two lists of fields
// are joined to the same bytes.
function fields(...list) {
  const parts = list.map((field) => (typeof field === "string" ? utf8.encode(field) : field));
  const joined = new Uint8Array(parts.reduce((size, part) => size + 8 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    new DataView(joined.buffer).setUint32(at + 4, part.length);
    joined.set(part, at + 8);
    at += 8 + part.length;
  }
  return joined;
}

function fromBase64(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function toBase64(bytes) {
  const binary = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
