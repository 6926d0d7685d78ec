// A project without Cloudflare's types.
import { secretsStore, withSecretsStore } from "./src/secrets-store";

export default withSecretsStore("SECRETS", {
  async fetch(_request, env) {
    // @ts-expect-error: not bound
    await env.SECRETS.get("not-bound");
    // @ts-expect-error: not bound
    await secretsStore(env).get("not-bound");
    return new Response(await secretsStore(env).get("session-1"));
  },
});
