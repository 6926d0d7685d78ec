// What an alchemy program with 50 secrets looks like: "alchemy.mjs secrets" has a resource Secret
// for each, "alchemy.mjs store" has all of them in one SecretsStore. The values are those of the
// environment variables FIRST and OTHERS; COUNT is the number of secrets.
import alchemy from "alchemy";
import { Secret, SecretsStore } from "alchemy/cloudflare";

const count = Number(process.env.COUNT);
const names = Array.from({ length: count }, (_, i) => `secret-${String(i).padStart(6, "0")}`);
const value = (i) => alchemy.secret(i === 0 ? process.env.FIRST : process.env.OTHERS);

const app = await alchemy("bench", { stage: "bench", password: "a password for the state", phase: "up" });
const store = { name: "prod", adopt: true, delete: false };
if (process.argv[2] === "store") {
	await SecretsStore("store", { ...store, secrets: Object.fromEntries(names.map((name, i) => [name, value(i)])) });
} else {
	const created = await SecretsStore("store", store);
	await Promise.all(names.map((name, i) => Secret(name, { name, store: created, value: value(i) })));
}
await app.finalize();
