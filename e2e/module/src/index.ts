import { DurableObject, env as importedEnv, WorkerEntrypoint, WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { secretsStore, type WithSecretsStore, withSecretsStore } from "./secrets-store";

type StoreEnv = Env & WithSecretsStore<"SECRETS">;

export class Reader extends withSecretsStore("SECRETS", DurableObject<StoreEnv>) {
  read(): Promise<string> {
    return this.env.SECRETS.get("stripe-secret-key");
  }
}

export class Remote extends withSecretsStore("SECRETS", WorkerEntrypoint<StoreEnv>) {
  read(): Promise<string> {
    return this.env.SECRETS.get("stripe-secret-key");
  }
}

// Not the class that it extends is wrapped, but the class itself.
export const Reading = withSecretsStore(
  "SECRETS",
  class extends WorkflowEntrypoint<StoreEnv> {
    override async run(_: Readonly<WorkflowEvent<unknown>>, step: WorkflowStep): Promise<void> {
      await step.do("read", async () => this.env.SEEN.put("workflow", await this.env.SECRETS.get("stripe-secret-key")));
    }
  },
);
export type Reading = InstanceType<typeof Reading>;

/** What the paths respond with, besides what handlers left in SEEN. */
const routes: { [path: string]: (env: StoreEnv, ctx: ExecutionContext) => unknown } = {
  // As in Alchemy's documentation.
  original: (env) => env.SECRETS.get("stripe-secret-key"),
  import: () => secretsStore(importedEnv).get("stripe-secret-key"),
  direct: (env) => secretsStore(env).get("session-1"),
  store: (env) => secretsStore(env, "default_secrets_store").get("stripe-secret-key"),
  others: (env) => String(env.SEEN !== undefined && env.SECRETS === env.SECRETS),
  object: (env) => env.OBJECT.getByName("one").read(),
  remote: (env) => env.SELF.read(),
  workflow: (env) => env.WORKFLOW.create().then(() => "created"),
  queue: (env) => env.QUEUE.send("job").then(() => "sent"),
  tail: async (_, ctx) => {
    await worker.tail([], importedEnv as StoreEnv, ctx); // as a traced Worker's end would call it
    return "called";
  },
  absent: (env) => env.SECRETS.get("absent"),
  unbound: (env) => env.SECRETS.get("not-bound" as "absent"),
  inherited: (env) => env.SECRETS.get("toString" as "absent"),
  value: async (env) => env.SECRETS.get((await env.SECRETS.get("session-1")) as "absent"),
  string: () => secretsStore({ PAYMENTS: "a value" } as unknown as Env).get("stripe-secret-key"),
  missing: () => secretsStore({} as Env).get("stripe-secret-key"),
  nostore: (env) => secretsStore(env, "other" as "default_secrets_store").get("absent"),
  taken: (_, ctx) => withSecretsStore("PAYMENTS", { fetch: () => new Response() } as { fetch(request: Request, env: object, ctx: object): Response })
    .fetch(new Request("http://x"), importedEnv, ctx).text(),
};

const worker = withSecretsStore("SECRETS", {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    try {
      const value = path.startsWith("seen/") ? await env.SEEN.get(path.slice(5)) : await routes[path]?.(env, ctx);
      return new Response(String(value));
    } catch (e) {
      return new Response((e as Error).message, { status: 500 });
    }
  },
  async scheduled(_, env) {
    await env.SEEN.put("scheduled", await env.SECRETS.get("stripe-secret-key"));
  },
  async queue(batch, env) {
    await env.SEEN.put("queue", await env.SECRETS.get("stripe-secret-key"));
    batch.ackAll();
  },
  async email(_, env) {
    await env.SEEN.put("email", await env.SECRETS.get("stripe-secret-key"));
  },
  async tail(_: TraceItem[], env: StoreEnv, __: ExecutionContext) {
    await env.SEEN.put("tail", await env.SECRETS.get("stripe-secret-key"));
  },
});

export default worker;
