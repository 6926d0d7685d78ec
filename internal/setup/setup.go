// Package setup has the files that secretsync init writes: a first manifest, the rules of SOPS, and
// CI recipes. It also examines the repository beforehand.
package setup

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/manifest"
)

// DefaultStore is the name that Cloudflare's dashboard gives an account's first store.
const DefaultStore = "default_secrets_store"

// SchemaFile is the name of the manifest's JSON Schema, beside the manifest.
const SchemaFile = "secretsync.schema.json"

// starters are first manifests, by file extension. They are valid as they are. STORE is replaced.
var starters = map[string]string{
	".yaml": `# yaml-language-server: $schema=./` + SchemaFile + `
version: 1
stores:
  STORE: # the name of your account's store in Cloudflare
    secrets:
      example-signing-key: # generated at random by the first apply
        generate: {bytes: 32, encoding: hex}
      # stripe-secret-key: # encrypted with SOPS; "secretsync set stripe-secret-key" adds such an entry
      #   from: {sops: secrets.enc.yaml, key: stripe-secret-key}
      #   comment: Stripe, payments team
      # session-key: # from the environment
      #   from: {env: SESSION_KEY}
`,
	".toml": `#:schema ./` + SchemaFile + `
version = 1

[stores.STORE.secrets] # the name of your account's store in Cloudflare
# Generated at random by the first apply.
example-signing-key = { generate = { bytes = 32, encoding = "hex" } }
# Encrypted with SOPS; "secretsync set stripe-secret-key" adds such an entry.
# stripe-secret-key = { from = { sops = "secrets.enc.yaml", key = "stripe-secret-key" }, comment = "Stripe, payments team" }
# From the environment.
# session-key = { from = { env = "SESSION_KEY" } }
`,
}

// Manifest returns a first manifest for a store, in the format that goes with the file's name.
func Manifest(file, store string) ([]byte, error) {
	text, ok := starters[strings.Replace(strings.ToLower(filepath.Ext(file)), ".yml", ".yaml", 1)]
	if !ok {
		return nil, fmt.Errorf("init writes YAML or TOML: %q should end in .yaml, .yml or .toml", file)
	}
	if err := CheckStore(store); err != nil {
		return nil, err
	}
	return []byte(strings.Replace(text, "STORE", store, 1)), nil
}

// CheckStore reports why a first manifest cannot have a store of this name.
func CheckStore(name string) error {
	if !manifest.IsName(name) {
		return fmt.Errorf("%q: a store's label consists of letters, digits, _ and -; the manifest can give it another name in Cloudflare", name)
	}
	return nil
}

// Rules returns a .sops.yaml that encrypts every file below it for age recipients.
func Rules(recipients []string) []byte {
	return []byte(`# For whom SOPS encrypts the files below this folder. Each recipient is public; whoever has its key
# can decrypt. In a team, list everyone's recipient and one for CI, separated by commas, and then run
# "sops updatekeys FILE" for each encrypted file and "secretsync lock rekey" for the lockfile.
creation_rules:
  - age: ` + strings.Join(recipients, ",") + "\n")
}
