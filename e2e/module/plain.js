// A Worker in JavaScript, with the code of Alchemy's documentation.
import { withSecretsStore } from "./src/secrets-store.ts";

class Application {
  #prefix = "plain ";
  async fetch(request, env) {
    return new Response(this.#prefix + (await env.SECRETS.get("stripe-secret-key")));
  }
}

export default withSecretsStore("SECRETS", new Application());
