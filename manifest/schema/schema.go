// Package schema describes the manifest to editors: as Go types, and as the JSON
// Schema that is generated from them. The reader, package manifest, does not use it:
// it reports more mistakes, with their positions.
package schema

import _ "embed"

// JSON is the JSON Schema of manifests, generated from [Manifest] by
// go test ./manifest/schema -update.
//
//go:embed secretsync.schema.json
var JSON []byte

// Manifest is a file that says which stores and secrets should exist.
type Manifest struct {
	// The address of this schema, for editors.
	Schema string `json:"$schema,omitempty" jsonschema:"example=./secretsync.schema.json"`
	// The version of the manifest's format.
	Version int `json:"version" jsonschema:"enum=1,example=1"`
	// Variables, for ${vars.NAME} and for conditions. --var NAME=VALUE and SECRETSYNC_VAR_NAME override them.
	Vars map[string]Variable `json:"vars,omitempty"`
	// Accounts, by a name for this file. Without them CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN serve.
	Accounts map[string]Account `json:"accounts,omitempty"`
	// What holds for secrets that don't say otherwise.
	Defaults *Defaults `json:"defaults,omitempty"`
	// More files, by globs relative to this one. They merge.
	Include []string `json:"include,omitempty" jsonschema:"minItems=1"`
	// Wrangler configurations whose bindings are checked, by globs relative to this file.
	Workers []Worker `json:"workers,omitempty" jsonschema:"minItems=1"`
	// Limits to what one apply may do.
	Safety *Safety `json:"safety,omitempty"`
	// Where machines that apply this manifest exclude one another: s3://BUCKET/PREFIX or r2://BUCKET/PREFIX.
	Lease string `json:"lease,omitempty" jsonschema:"pattern=^(s3://|r2://|.*[$][{]vars[.]),example=r2://acme-secretsync/production"`
	// The lockfile in a bucket, for machines that share it: s3://BUCKET/PREFIX/NAME.lock or r2://BUCKET/PREFIX/NAME.lock.
	Lockfile string `json:"lockfile,omitempty" jsonschema:"pattern=^(s3://|r2://|.*[$][{]vars[.]),example=r2://acme-secretsync/production/api.lock"`
	// The stores, by a name for this file.
	Stores map[string]Store `json:"stores,omitempty"`
	// What SOPS adds to a file that it encrypts.
	SOPS map[string]any `json:"sops,omitempty"`
}

// Variable is a text, a whole number or a boolean.
type Variable any

// Account is an account of Cloudflare.
type Account struct {
	// The account's id: 32 hexadecimal digits.
	ID string `json:"id" jsonschema:"pattern=^([0-9A-Fa-f]{32}|.*[$][{]vars[.].*)$,example=0123456789abcdef0123456789abcdef"`
	// The environment variable that holds the account's API token.
	TokenEnv string `json:"token_env,omitempty" jsonschema:"pattern=^[A-Za-z_][A-Za-z0-9_]*$,default=CLOUDFLARE_API_TOKEN,example=CLOUDFLARE_API_TOKEN_STAGING"`
}

// Defaults hold for secrets that don't say otherwise.
type Defaults struct {
	// Which products may use a secret.
	Scopes []Scope `json:"scopes,omitempty" jsonschema:"minItems=1,uniqueItems=true"`
	// What happens when a secret is removed from the manifest: true deletes it, false leaves it in Cloudflare.
	Delete *bool `json:"delete,omitempty" jsonschema:"default=true"`
	// What to do about secrets in the stores that no manifest declares.
	Unmanaged Unmanaged `json:"unmanaged,omitempty" jsonschema:"enum=report,enum=ignore,enum=fail,enum=delete,default=report"`
}

// Safety limits what one apply may do.
type Safety struct {
	// A plan with more deletions is refused.
	MaxDeletes *int `json:"max_deletes,omitempty" jsonschema:"minimum=0,example=3"`
	// A plan that breaks a Worker's binding is refused, and so is one where bindings could
	// not be read.
	StrictBindings bool `json:"strict_bindings,omitempty" jsonschema:"default=false"`
}

// Worker is a pattern of wrangler configurations, alone or with what holds for them.
type Worker struct {
	// A glob, relative to this file.
	File string `json:"file" jsonschema:"example=apps/*/wrangler.jsonc"`
	// An environment of the files; empty for their top level; not given for all.
	Env *string `json:"env,omitempty" jsonschema:"example=production"`
	// The folder that keeps the Workers' state when they run locally, as for wrangler dev's
	// --persist-to; default: as the project's scripts and vite.config say, or else
	// .wrangler/state beside the file.
	PersistTo string `json:"persist_to,omitempty" jsonschema:"example=.wrangler/state"`
}

// Scope is what may use a secret. The set grows: another scope is a warning.
type Scope string

// Unmanaged is what to do about secrets that no manifest declares.
type Unmanaged string

// Adopt is what to do about an existing secret of the same name.
type Adopt string

// Store is a store, or a part of one.
type Store struct {
	// A name under accounts. Without it, the account is --account-id or CLOUDFLARE_ACCOUNT_ID.
	Account string `json:"account,omitempty" jsonschema:"example=staging"`
	// The store's name in Cloudflare. Without it, the name is the store's key here.
	Name string `json:"name,omitempty" jsonschema:"example=default_secrets_store"`
	// Is prepended to the name of each secret.
	Prefix string `json:"prefix,omitempty" jsonschema:"example=prod-"`
	// What to do about secrets there that no manifest declares.
	Unmanaged Unmanaged `json:"unmanaged,omitempty" jsonschema:"enum=report,enum=ignore,enum=fail,enum=delete,default=report"`
	// Take over existing secrets: overwrite sets their values, keep leaves them as they are, verify requires them to be the manifest's.
	Adopt Adopt `json:"adopt,omitempty" jsonschema:"enum=overwrite,enum=keep,enum=verify"`
	// Delete the store itself when it is removed from the manifest.
	Delete *bool `json:"delete,omitempty" jsonschema:"default=false"`
	// Create the store even if the account has another one.
	Create *bool `json:"create,omitempty" jsonschema:"default=false"`
	// The secrets, by name: letters, digits, _ and -.
	Secrets map[string]Secret `json:"secrets,omitempty"`
}

// Secret is a secret of a store. Exactly one of from, value, generate and external
// says where its value comes from.
type Secret struct {
	// Where the value comes from.
	From *From `json:"from,omitempty" jsonschema:"oneof_required=from"`
	// The value itself, encrypted by SOPS with the manifest.
	Value string `json:"value,omitempty" jsonschema:"oneof_required=value"`
	// Generate a random value when it is first applied.
	Generate *Generate `json:"generate,omitempty" jsonschema:"oneof_required=generate"`
	// true: the value comes from elsewhere. The secret must exist and is never written.
	External *bool `json:"external,omitempty" jsonschema:"oneof_required=external,default=false"`
	// Which products may use it.
	Scopes []Scope `json:"scopes,omitempty" jsonschema:"minItems=1,uniqueItems=true"`
	// Shown in the dashboard. One that is not given is left as it is.
	Comment *string `json:"comment,omitempty" jsonschema:"example=Stripe live key; payments team"`
	// What happens when it is removed from the manifest: true deletes it, false leaves it in Cloudflare.
	Delete *bool `json:"delete,omitempty" jsonschema:"default=true"`
	// A condition over vars.
	When string `json:"when,omitempty" jsonschema:"example=vars.region == 'eu'"`
	// The age at which the value is to be replaced, in hours, days or weeks.
	RotateAfter string `json:"rotate_after,omitempty" jsonschema:"pattern=^[0-9]+[hdw]$,example=12h,example=90d,example=8w"`
	// What happens when the value is replaced by another one.
	Rotate *Rotate `json:"rotate,omitempty"`
	// The name it had before.
	RenamedFrom string `json:"renamed_from,omitempty" jsonschema:"example=stripe-key-old"`
	// Take over an existing secret: overwrite sets its value, keep leaves it as it is, verify requires it to be the manifest's.
	Adopt Adopt `json:"adopt,omitempty" jsonschema:"enum=overwrite,enum=keep,enum=verify"`
}

// Rotate says what happens when the value is replaced by another one.
type Rotate struct {
	// How long the replaced value stays readable, under the secret's name with -previous at its end, in
	// hours, days or weeks.
	Overlap string `json:"overlap" jsonschema:"pattern=^[0-9]+[hdw]$,example=24h,example=2w"`
}

// From is a source. Paths are relative to the file that names them.
type From struct {
	// An environment variable.
	Env string `json:"env,omitempty" jsonschema:"oneof_required=env,pattern=^[A-Za-z_][A-Za-z0-9_]*$,example=STRIPE_KEY"`
	// A file, byte for byte.
	File string `json:"file,omitempty" jsonschema:"oneof_required=file,example=keys/signing.pem"`
	// A SOPS file: YAML, JSON, dotenv, INI or binary.
	SOPS string `json:"sops,omitempty" jsonschema:"oneof_required=sops,example=secrets/prod.enc.yaml"`
	// A program and its arguments, without a shell; refused without --allow-commands.
	Command []string `json:"command,omitempty" jsonschema:"oneof_required=command,minItems=1"`
	// With file, sops and command: true drops all trailing newlines. With command, false keeps the last one.
	Trim *bool `json:"trim,omitempty"`
	// With sops: a dotted path, with odd names in double quotes.
	Key string `json:"key,omitempty" jsonschema:"example=stripe.secret_key"`
	// With sops: the file's format, where its content and its name do not show it. binary takes a JSON
	// document as a whole.
	Format string `json:"format,omitempty" jsonschema:"enum=yaml,enum=json,enum=dotenv,enum=ini,enum=binary"`
}

// Generate is a random value.
type Generate struct {
	// How random bytes become text.
	Encoding string `json:"encoding" jsonschema:"enum=hex,enum=base64,enum=base64url,enum=alphanumeric,enum=uuid"`
	// How many random bytes, for hex, base64 and base64url.
	Bytes int `json:"bytes,omitempty" jsonschema:"minimum=16,maximum=32768,example=32"`
	// How many characters, for alphanumeric.
	Length int `json:"length,omitempty" jsonschema:"minimum=22,maximum=65536,example=40"`
}
