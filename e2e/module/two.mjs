// Reads from a module with two stores, under Node.js, and prints what each call gives.
import { secretsStore } from "./src/two.ts";

const env = Object.fromEntries(["A", "B", "C", "D"].map((name) => [name, { get: async () => `value of ${name}` }]));
for (const [store, name] of [
  [undefined, "only-main"],
  [undefined, "__proto__"],
  ["main", "stripe-key"],
  ["shared", "stripe-key"],
  [undefined, "stripe-key"],
  ["main", "__proto__"],
  [undefined, "constructor"],
]) {
  console.log(await secretsStore(env, store).get(name).catch((e) => e.message.split(".")[0]));
}
