// What TypeScript accepts of a module with two stores, both of which have a stripe-key.
import { secretsStore } from "./two";

declare const env: Record<"A" | "B" | "C" | "D", SecretsStoreSecret>;
secretsStore(env).get("only-main");
secretsStore(env).get("__proto__");
secretsStore(env, "main").get("stripe-key");
secretsStore(env, "shared").get("stripe-key");
// @ts-expect-error: two stores have it
secretsStore(env).get("stripe-key");
// @ts-expect-error: the other store has it
secretsStore(env, "shared").get("only-main");
