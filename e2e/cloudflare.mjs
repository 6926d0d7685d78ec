// What Cloudflare's npm package makes of a store that secretsync applied to: it lists,
// creates, edits, duplicates and deletes with its typed calls. Prints "ok" at the end.
import Cloudflare from "cloudflare";
import assert from "node:assert/strict";

const account_id = process.env.CLOUDFLARE_ACCOUNT_ID;
const client = new Cloudflare({ apiToken: process.env.CLOUDFLARE_API_TOKEN, baseURL: process.env.CLOUDFLARE_API_BASE_URL });
const { stores } = client.secretsStore;

const all = async (pages) => {
	const items = [];
	for await (const item of pages) items.push(item);
	return items;
};

const [store] = await all(stores.list({ account_id }));
assert.equal(store.name, "prod");
const list = async () => (await all(stores.secrets.list(store.id, { account_id }))).map((s) => s.name).sort();
assert.deepEqual(await list(), ["applied-one", "applied-two"]);

const [made] = await all(stores.secrets.create(store.id, { account_id, body: [{ name: "from-npm", value: "v", scopes: ["workers"], comment: "theirs" }] }));
assert.equal(made.name, "from-npm");
const at = { account_id, store_id: store.id };
const edited = await stores.secrets.edit(made.id, { ...at, value: "changed", scopes: ["workers", "ai_gateway"] });
assert.equal(edited.id, made.id);
const copy = await stores.secrets.duplicate(made.id, { ...at, name: "copy", scopes: ["workers"] });
assert.equal((await stores.secrets.get(copy.id, at)).name, "copy");
await stores.secrets.delete(made.id, at);
assert.deepEqual(await list(), ["applied-one", "applied-two", "copy"]);
const quota = await client.secretsStore.quota.get({ account_id });
assert.equal(quota.secrets.usage, 3);
console.log("ok");
