
/** The names that get takes: those of the manifest whose secrets the Worker binds. */
export type SecretName = keyof typeof secrets & string;

/** The manifest's stores of which the Worker binds secrets. */
export type StoreName = keyof typeof stores & string;

type Names<Store> = Store extends StoreName ? keyof (typeof stores)[Store] & string : SecretName;

/** A store as one object. */
export interface SecretsStore<Name extends string = SecretName> {
  /** Reads a secret's current value. It rejects if the Worker does not bind the secret. */
  get(name: Name): Promise<string>;
}

/** What withSecretsStore adds to env: `env: Env & WithSecretsStore<"SECRETS">`. */
export type WithSecretsStore<Binding extends string, Store extends StoreName | undefined = undefined> = {
  readonly [Name in Binding]: SecretsStore<Names<Store>>;
};

/**
 * Returns the bound secrets as one object. Without a store it has the secrets of all stores,
 * except names that several of them have.
 */
export function secretsStore<Store extends StoreName | undefined = undefined>(
  env: SecretsStoreBindings,
  store?: Store,
): SecretsStore<Names<Store>>;
export function secretsStore(env: object, store?: string): SecretsStore<string> {
  const table: Table | undefined = store === undefined ? secrets : own<Table>(stores, store);
  if (table === undefined) {
    throw new Error(`This Worker has no binding for a secret of a store ${quoted(store)}. ${again}`);
  }
  return {
    async get(name: string): Promise<string> {
      const bindings = own(table, name);
      if (bindings === undefined) {
        throw new Error(unbound(name, store));
      }
      const all = env as { readonly [binding: string]: unknown };
      const present = bindings.find((binding) => all[binding] !== undefined);
      if (present === undefined) {
        throw new Error(`The secret ${quoted(name)} is read from env.${bindings.join(" or env.")}, which is missing. ${again}`);
      }
      const secret = all[present] as Partial<Secret> | null;
      if (typeof secret?.get !== "function") {
        throw new Error(`The secret ${quoted(name)} is read from env.${present}, which is not a Secrets Store binding. ${again}`);
      }
      return secret.get();
    },
  };
}

/**
 * Adds the bound secrets to env as one object, for handlers that call
 * `env.SECRETS.get("name")`. The handler is what the Worker exports: an object of handlers
 * (fetch, scheduled, queue and all others), or a class with the constructor (ctx, env). For
 * `this.env`, wrap the class that yours extends:
 * `class Room extends withSecretsStore("SECRETS", DurableObject<Env & WithSecretsStore<"SECRETS">>) {…}`
 */
export function withSecretsStore<Class extends abstract new (ctx: any, env: any) => object>(
  binding: string,
  handler: Class,
  store?: StoreName,
): Class;
export function withSecretsStore<
  Binding extends string,
  Store extends StoreName | undefined = undefined,
  Env = WorkersEnv & WithSecretsStore<Binding, Store>,
  Handler extends object = object,
>(binding: Binding, handler: Handler & Handlers<Env>, store?: Store): Handler;
export function withSecretsStore(binding: string, handler: any, store?: StoreName): object {
  const extended = new WeakMap<object, object>(); // an env stays one object from call to call
  const extend = (env: any): object => {
    const known = extended.get(env);
    if (known !== undefined) {
      return known;
    }
    if (binding in env) {
      throw new Error(`withSecretsStore: env.${binding} exists already. Choose another name.`);
    }
    const result = { ...env, [binding]: secretsStore(env, store) };
    extended.set(env, result);
    return result;
  };
  if (typeof handler === "function") {
    const Base: new (ctx: unknown, env: object) => object = handler;
    return class extends Base {
      constructor(ctx: unknown, env: object) {
        super(ctx, extend(env));
      }
    };
  }
  const result: { [name: string]: unknown } = {};
  for (let part = handler; part !== null && part !== Object.prototype; part = Object.getPrototypeOf(part)) {
    for (const name of Object.getOwnPropertyNames(part)) {
      if (name in result || name === "constructor") {
        continue;
      }
      const value: unknown = handler[name];
      result[name] =
        typeof value !== "function"
          ? value
          : (event: unknown, env: unknown, ...rest: unknown[]) =>
              handler[name](event, typeof env === "object" && env !== null ? extend(env) : env, ...rest);
    }
  }
  return result;
}

interface Secret {
  get(): Promise<string>;
}

type Table<Value = readonly string[]> = { readonly [name: string]: Value };

// Cloudflare's types of handlers and of env, if the project has them.
// @ts-ignore: it may have none
type CloudflareHandler<Env> = ExportedHandler<Env, any>;
// @ts-ignore: it may have none
type CloudflareEnv = Cloudflare.Env;

// A type that does not exist has every key.
type IfMissing<Type, Then, Else> = string extends keyof Type ? Then : Else;

type Handlers<Env> = IfMissing<
  CloudflareHandler<Env>,
  { [name: string]: any; fetch?(request: any, env: Env, ctx: any): any },
  CloudflareHandler<Env>
>;

type WorkersEnv = IfMissing<CloudflareEnv, SecretsStoreBindings, CloudflareEnv>;

const again = 'After changing bindings, run "secretsync bindings generate --format module", then deploy.';

function unbound(name: string, store: string | undefined): string {
  const having = Object.keys(stores).filter((label) => own(own<Table>(stores, label)!, name));
  if (store === undefined && having.length > 0) {
    return `The secret ${quoted(name)} needs its store: secretsStore(env, ${having.map(quoted).join(" or ")}).`;
  }
  const where = store === undefined ? "" : ` of the store ${quoted(store)}`;
  return `This Worker has no binding for a secret ${quoted(name)}${where}, or not in all environments. ${again}`;
}

function own<Value>(table: Table<Value>, name: string): Value | undefined {
  return Object.prototype.hasOwnProperty.call(table, name) ? table[name] : undefined;
}

// Text that cannot be a name may be a value by mistake, and is not shown.
function quoted(name: unknown): string {
  return typeof name === "string" && /^[\w-]+$/.test(name) ? JSON.stringify(name) : "(not a name)";
}
