package migrate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"

	"filippo.io/age"
	"github.com/itchyny/gojq"
	"github.com/secretsync/secretsync/test/program"
)

// ageKeygen creates an age key, and prints its recipient.
func ageKeygen(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "-o":
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			return err
		}
		fmt.Println("Public key:", identity.Recipient())
		return os.WriteFile(args[1], []byte(identity.String()+"\n"), 0o600)
	case len(args) == 2 && args[0] == "-y":
		key, err := os.Open(args[1])
		if err != nil {
			return err
		}
		defer key.Close()
		identities, err := age.ParseIdentities(key)
		if err != nil {
			return err
		}
		fmt.Println(identities[0].(*age.X25519Identity).Recipient())
		return nil
	}
	return program.ErrArguments
}

// jq applies a filter to one JSON document, by the library of gojq.
func jq(args []string) error {
	if len(args) != 1 {
		return program.ErrArguments
	}
	filter, err := gojq.Parse(args[0])
	if err != nil {
		return err
	}
	var document any
	if err := json.NewDecoder(os.Stdin).Decode(&document); err != nil {
		return err
	}
	results := filter.Run(document)
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			return err
		}
		text, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
}

// storeID returns the id of the account's store, which is created first if there is none.
func storeID() (string, error) {
	api := os.Getenv("CLOUDFLARE_API_BASE_URL")
	if id, err := program.FindID(api, "/stores", "default_secrets_store"); err == nil {
		return id, nil
	}
	if _, err := program.Send(api, http.MethodPost, "/stores", map[string]string{"name": "default_secrets_store"}); err != nil {
		return "", err
	}
	return program.FindID(api, "/stores", "default_secrets_store")
}

// create creates a secret as any client does.
func create(name, value string) error {
	id, err := storeID()
	if err != nil {
		return err
	}
	secret := map[string]any{"name": name, "value": value, "scopes": []string{"workers"}}
	_, err = program.Send(os.Getenv("CLOUDFLARE_API_BASE_URL"), http.MethodPost, "/stores/"+id+"/secrets", []any{secret})
	return err
}

// wrangler creates a secret of the store from its standard input, deploys a Worker
// and deletes a secret of its own, as wrangler 4.164 does. A deployment fails if a binding has the
// name of the Worker's secret.
func wrangler(args []string) error {
	line := strings.Join(args, " ")
	if m := regexp.MustCompile(`^secrets-store secret create [0-9a-f]{32} --name (\S+) --scopes workers --remote$`).FindStringSubmatch(line); m != nil {
		value, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return create(m[1], strings.TrimSpace(string(value)))
	}
	switch line {
	case "deploy":
		config, err := os.ReadFile("wrangler.json")
		if err != nil {
			return err
		}
		if strings.Contains(string(config), `"binding": "STRIPE_KEY"`) {
			return errors.New("Binding name 'STRIPE_KEY' already in use")
		}
		fmt.Println("Total Upload: 0.31 KiB / gzip: 0.22 KiB\nUploaded shop (1.02 sec)\nDeployed shop triggers (0.31 sec)")
		return nil
	case "secret delete STRIPE_KEY":
		fmt.Println("⛅️ wrangler\nDeleting the secret STRIPE_KEY on the Worker shop\nSuccess! Deleted secret STRIPE_KEY")
		return nil
	}
	return program.ErrArguments
}

// tool is a program that creates and deletes what its own program says.
type tool struct {
	secret, variable string                        // default: stripe-key and STRIPE_KEY
	program          string                        // file
	has              func(program string) bool     // whether it says that the secret exists
	retains          func(program string) bool     // whether it says that the secret outlives it
	state            string                        // file
	kept             struct{ Retain, Exists bool } // what the state says
}

// run makes the secret exist or not, as the program says. A secret whose resource was removed is
// deleted, unless the state marks it as retained.
func (t *tool) run() error {
	text, err := os.ReadFile(t.program)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(t.state); err == nil {
		if err := json.Unmarshal(old, &t.kept); err != nil {
			return err
		}
	}
	has := t.has(string(text))
	switch {
	case has && !t.kept.Exists:
		if err := create(cmp.Or(t.secret, "stripe-key"), os.Getenv(cmp.Or(t.variable, "STRIPE_KEY"))); err != nil {
			return err
		}
	case !has && t.kept.Exists && !t.kept.Retain:
		return errors.New("the secret would be deleted")
	}
	t.kept.Exists, t.kept.Retain = has, has && t.retains(string(text))
	state, err := json.Marshal(t.kept)
	if err != nil {
		return err
	}
	return os.WriteFile(t.state, state, 0o600)
}

// terraform has its program in main.tf. "state pull" prints a state as Terraform writes it.
func terraform(args []string) error {
	resource := regexp.MustCompile(`resource "cloudflare_secrets_store_secret" "stripe_key" \{`)
	removed := regexp.MustCompile(`removed \{\s+from = cloudflare_secrets_store_secret\.stripe_key\s+lifecycle \{\s+destroy = false\s+\}\s+\}`)
	switch strings.Join(args, " ") {
	case "state pull":
		return printState(`{"version": 4, "resources": [{"mode": "managed", "type": "cloudflare_secrets_store_secret", "name": "stripe_key",
			"instances": [{"attributes": {"name": "stripe-key", "scopes": ["workers"], "value": %s}}]}]}`,
			func(value []byte) string { return string(value) })
	case "apply -auto-approve":
		t := tool{program: "main.tf", state: "terraform.tfstate", has: resource.MatchString, retains: func(string) bool { return false }}
		if config, err := os.ReadFile(t.program); err == nil && removed.Match(config) && !resource.Match(config) {
			fmt.Println("Apply complete! Resources: 0 added, 0 changed, 0 destroyed.")
			return os.WriteFile(t.state, []byte(`{}`), 0o600)
		}
		fmt.Println("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")
		return t.run()
	}
	return program.ErrArguments
}

// pulumi has its program in Pulumi.yaml.
func pulumi(args []string) error {
	switch strings.Join(args, " ") {
	case "stack export --show-secrets":
		return printState(`{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"},
			{"type": "cloudflare:index/secretsStoreSecret:SecretsStoreSecret",
			"inputs": {"name": "stripe-key", "value": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": %s}}}]}}`,
			func(value []byte) string { return strconv.Quote(string(value)) }) // JSON in JSON
	case "up --yes --skip-preview":
		t := tool{program: "Pulumi.yaml", state: ".pulumi.json",
			has:     func(text string) bool { return strings.Contains(text, "type: cloudflare:SecretsStoreSecret") },
			retains: func(text string) bool { return strings.Contains(text, "options: {retainOnDelete: true}") }}
		fmt.Println("Updating (dev):\nResources: 2 unchanged")
		return t.run()
	}
	return program.ErrArguments
}

// npx runs alchemy, whose program is alchemy.run.ts.
func npx(args []string) error {
	if strings.Join(args, " ") != "alchemy deploy" {
		return program.ErrArguments
	}
	t := tool{program: "alchemy.run.ts", state: ".alchemy.json",
		has:     func(text string) bool { return strings.Contains(text, `Secret("stripe-key", {`) },
		retains: func(text string) bool { return strings.Contains(text, "delete: false") }}
	text, err := os.ReadFile(t.program)
	if err != nil {
		return err
	}
	if strings.Contains(string(text), `alchemy("login")`) { // the program with a SecretsStore
		t.secret, t.variable = "session-key", "SESSION_KEY"
		t.has = func(text string) bool {
			return strings.Contains(text, `SecretsStore("store", { secrets: { "session-key": `)
		}
	}
	return t.run()
}

// printState prints a state that has the value of stripe-key.
func printState(format string, encode func(value []byte) string) error {
	value, err := json.Marshal(os.Getenv("STRIPE_KEY"))
	if err != nil {
		return err
	}
	fmt.Printf(format+"\n", encode(value))
	return nil
}
