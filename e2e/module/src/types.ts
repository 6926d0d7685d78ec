// What TypeScript accepts of the generated module, and what it refuses. Nothing here runs.
import { secretsStore, type SecretName, type SecretsStore, type StoreName, type WithSecretsStore, withSecretsStore } from "./secrets-store";

declare const env: Env;
const value: Promise<string> = secretsStore(env).get("stripe-secret-key");
secretsStore(env, "default_secrets_store").get("session-1");
// @ts-expect-error: the manifest has it, the Worker does not bind it
secretsStore(env).get("not-bound");
// @ts-expect-error: a typing mistake
secretsStore(env).get("stripe-secret-kay");
// @ts-expect-error: its name in Cloudflare, with the prefix
secretsStore(env).get("prod-stripe-secret-key");
// @ts-expect-error: the name of the binding
secretsStore(env).get("PAYMENTS");
// @ts-expect-error: no such store
secretsStore(env, "other");
// @ts-expect-error: a string that might be any
secretsStore(env).get("stripe" as string);
// @ts-expect-error: get returns a promise
const text: string = secretsStore(env).get("stripe-secret-key");
// @ts-expect-error: an env without the bindings
secretsStore({} as { KV: KVNamespace });
// @ts-expect-error: an env where a binding is a variable
secretsStore({} as Omit<Env, "PAYMENTS"> & { PAYMENTS: string });
const name: SecretName = "absent";
// @ts-expect-error: no such name
const noName: SecretName = "not-bound";
// @ts-expect-error: no such store
const noStore: StoreName = "other";

// Without annotations, the types are Cloudflare's.
export const inferred = withSecretsStore("SECRETS", {
  async fetch(request, env, ctx) {
    ctx.waitUntil(env.SEEN.put("colo", request.cf?.colo ?? ""));
    // @ts-expect-error: not bound
    await env.SECRETS.get("not-bound");
    // @ts-expect-error: the store is called SECRETS
    await env.STORE.get("stripe-secret-key");
    return new Response(await env.SECRETS.get("stripe-secret-key"));
  },
  async scheduled(controller, env) {
    await env.SEEN.put(controller.cron, await env.SECRETS.get("session-1"));
  },
  async email(message, env) {
    await env.SEEN.put(message.from, await env.SECRETS.get("session-1"));
  },
  async tail(events, env) {
    await env.SEEN.put(String(events.length), await env.SECRETS.get("session-1"));
  },
});

// The types that people write: their own env, Alchemy's, satisfies, and messages of a queue.
interface OwnEnv {
  SECRETS: SecretsStore;
  DB: D1Database;
}
withSecretsStore("SECRETS", {
  async fetch(request: Request, env: OwnEnv, ctx: ExecutionContext): Promise<Response> {
    // @ts-expect-error: not bound
    await env.SECRETS.get("not-bound");
    ctx.waitUntil(env.DB.prepare(request.url).run());
    return new Response(await env.SECRETS.get("stripe-secret-key"));
  },
});
withSecretsStore("SECRETS", {
  async fetch(_: Request, env: { SECRETS: { get(name: string): Promise<string> } }) {
    return new Response(await env.SECRETS.get("any name"));
  },
});
withSecretsStore("SECRETS", {
  async fetch(_, env) {
    return new Response(await env.SECRETS.get("stripe-secret-key"));
  },
  async queue(batch) {
    batch.messages[0]?.body.id.toFixed();
  },
} satisfies ExportedHandler<Env & WithSecretsStore<"SECRETS">, { id: number }>);

// With a store, under a name of its own; two stores can be nested.
withSecretsStore(
  "MAIN",
  withSecretsStore("SECRETS", {
    async fetch(_: Request, env: WithSecretsStore<"SECRETS"> & WithSecretsStore<"MAIN", "default_secrets_store">) {
      return new Response((await env.SECRETS.get("stripe-secret-key")) + (await env.MAIN.get("absent")));
    },
  }),
  "default_secrets_store",
);
// @ts-expect-error: no such store
withSecretsStore("SECRETS", { fetch: () => new Response() }, "other");

// A framework's application, with methods that are no handlers.
class App {
  fetch = (_: Request, __?: OwnEnv | {}, ___?: ExecutionContext): Response | Promise<Response> => new Response();
  get(_: string, __: (request: Request) => Response): this {
    return this;
  }
}
withSecretsStore("SECRETS", new App()).get("/", () => new Response());

// @ts-expect-error: not what fetch gets
withSecretsStore("SECRETS", { fetch: (_: number) => new Response() });
// @ts-expect-error: not what fetch returns
withSecretsStore("SECRETS", { fetch: () => 1 });
// @ts-expect-error: the handler is missing
withSecretsStore("SECRETS");

export { name, noName, noStore, text, value };
