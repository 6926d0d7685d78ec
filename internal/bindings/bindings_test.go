package bindings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
)

const (
	account = "0123456789abcdef0123456789abcdef"
	other   = "fedcba9876543210fedcba9876543210"
	storeID = "11111111111111111111111111111111"
)

// project is a manifest of one store, "prod" with the prefix "p-", and one Worker, in their
// own folder.
func project(t *testing.T, wrangler string) *bindings.Project {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("wrangler.jsonc", wrangler)
	file := write("secretsync.yaml", `version: 1
accounts: {main: {id: `+account+`}}
workers: [wrangler.jsonc]
stores:
  prod:
    account: main
    prefix: p-
    secrets:
      api-key: {from: {env: API_KEY}}
      new-name: {from: {env: NEW_NAME}, renamed_from: old-name}
      gateway: {from: {env: GATEWAY}, scopes: [ai_gateway]}
`)
	env := map[string]string{"API_KEY": "value of api-key"}
	m, err := manifest.Load(t.Context(), manifest.Options{File: file, LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	lock := &lockfile.File{}
	lock.PutStore(lockfile.StoreKey{Account: account, Name: "prod"}, storeID).PutSecret("p-api-key", lockfile.Secret{ID: "s"})
	p, mistakes := bindings.New(bindings.Options{Manifest: m, Lock: lock})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return p
}

// config is a wrangler configuration with one binding, K.
func config(store, name, more string) string {
	return fmt.Sprintf(`{"name": "api", %s"secrets_store_secrets": [{"binding": "K", "store_id": %q, "secret_name": %q}]}`, more, store, name)
}

func TestCheckAll(t *testing.T) {
	for name, test := range map[string]struct{ store, secret, more, want string }{
		"right":                     {storeID, "p-api-key", "", ""},
		"another store":             {other, "p-api-key", "", "matches no store of the manifest"},
		"a placeholder":             {"<STORE_ID>", "p-api-key", "", "matches no store of the manifest"},
		"no such secret":            {storeID, "p-nothing", "", `secret "p-nothing" is not in the manifest's store "prod"`},
		"without the prefix":        {storeID, "api-key", "", `secret "api-key" is not in`},
		"without the scope workers": {storeID, "p-gateway", "", `secret "p-gateway" has no scope "workers"`},
		"another account":           {storeID, "p-api-key", `"account_id": "` + other + `", `, `this Worker is deployed to account "` + other},
	} {
		t.Run(name, func(t *testing.T) {
			count, mistakes := project(t, config(test.store, test.secret, test.more)).CheckAll()
			text := ""
			for _, m := range mistakes {
				text += m.What + "\n"
			}
			if count != 1 || (test.want == "") != (text == "") || !strings.Contains(text, test.want) {
				t.Errorf("%d bindings, mistakes %q, want one with %q", count, text, test.want)
			}
		})
	}
}

func TestFixCorrectsWhatIsCertain(t *testing.T) {
	for name, test := range map[string]struct{ store, secret, want string }{
		"right already":      {storeID, "p-api-key", ""},
		"a placeholder":      {"<STORE_ID>", "p-api-key", "p-api-key"},
		"a previous store":   {other, "p-api-key", "p-api-key"},
		"without the prefix": {storeID, "api-key", "p-api-key"},
		"a previous name":    {storeID, "p-old-name", "p-new-name"},
		"no such secret":     {storeID, "nothing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := project(t, config(test.store, test.secret, ""))
			written := 0
			if err := p.Fix(func(_ string, n int) error { written += n; return nil }); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(p.Configs[0].File)
			if err != nil {
				t.Fatal(err)
			}
			want := config(test.store, test.secret, "")
			if test.want != "" {
				want = config(storeID, test.want, "")
			}
			if diff := cmp.Diff(want, string(text)); diff != "" {
				t.Error(diff)
			}
			if changed := test.want != ""; (written == 1) != changed {
				t.Errorf("%d corrections were reported", written)
			}
		})
	}
}

// What an editor saved since the configuration was read is not overwritten.
func TestFixKeepsWhatChangedMeanwhile(t *testing.T) {
	p := project(t, config("<STORE_ID>", "p-api-key", ""))
	file := p.Configs[0].File
	edited := config("<STORE_ID>", "p-api-key", `"account_id": "`+account+`", `)
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	err := p.Fix(func(string, int) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "another program changed "+file) {
		t.Errorf("Fix: %v", err)
	}
	if text, _ := os.ReadFile(file); string(text) != edited {
		t.Errorf("overwritten:\n%s", text)
	}
}

func TestWantedKeepsAndAdds(t *testing.T) {
	p := project(t, config("<STORE_ID>", "p-api-key", ""))
	want, err := p.Wanted(p.Configs[0].Environments[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range want {
		got = append(got, b.Binding+" "+b.StoreID+" "+b.SecretName)
	}
	// The gateway's secret is not for Workers.
	if diff := cmp.Diff([]string{"K " + storeID + " p-api-key", "NEW_NAME " + storeID + " p-new-name"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := p.Wanted(p.Configs[0].Environments[0], []string{"prod/none"}); err != nil {
		t.Errorf("a Worker that binds something has bindings whatever the targets: %v", err)
	}
	empty := project(t, `{"name": "api"}`)
	if _, err := empty.Wanted(empty.Configs[0].Environments[0], []string{"prod/none"}); err == nil {
		t.Error("targets that select nothing are no error")
	}
}

func TestReferencesCountAnInheritedBindingOnce(t *testing.T) {
	p := project(t, config("<STORE_ID>", "p-api-key", `"env": {"staging": {}}, `))
	refs := p.References()
	if len(refs) != 1 {
		t.Fatalf("%d references: %v", len(refs), refs)
	}
	// A placeholder stands for the only store that has the secret.
	if r := refs[0]; r.StoreID != storeID || r.Secret != "p-api-key" || r.Worker != "api" || r.Pos.Line != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLocalSecrets(t *testing.T) {
	p := project(t, `{"name": "api", "secrets_store_secrets": [
  {"binding": "K", "store_id": "any", "secret_name": "p-api-key"},
  {"binding": "N", "store_id": "any", "secret_name": "nothing"}]}`)
	known := 0
	values, err := p.Values(t.Context(), p.Configs, func(secret.Value) { known++ })
	if err != nil {
		t.Fatal(err)
	}
	all, warnings := p.LocalSecrets(p.Configs[:1], values)
	secrets := all[0]
	if len(secrets) != 1 || secrets[0].StoreID != "any" || secrets[0].Name != "p-api-key" || string(secrets[0].Value.Reveal()) != "value of api-key" {
		t.Errorf("%d secrets", len(secrets))
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], `binds "nothing", but the manifest has no value for it`) {
		t.Errorf("warnings: %q", warnings)
	}
	if known != 0 {
		t.Errorf("%d generated values, and none is generated", known)
	}
}

// TestLocalSecretsOfSeveralWorkers: what has a value for one Worker is there for all.
func TestLocalSecretsOfSeveralWorkers(t *testing.T) {
	p := project(t, `{"name": "api", "secrets_store_secrets": [{"binding": "K", "store_id": "any", "secret_name": "p-api-key"}]}`)
	elsewhere := *p.Configs[0]
	elsewhere.Environments = slices.Clone(elsewhere.Environments)
	elsewhere.Environments[0].AccountID = "0000000000000000000000000000ffff" // where the manifest has no such secret
	values, err := p.Values(t.Context(), p.Configs, func(secret.Value) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, configs := range [][]*wrangler.Config{{p.Configs[0], p.Configs[0]}, {p.Configs[0], &elsewhere}} {
		secrets, warnings := p.LocalSecrets(configs, values)
		if len(secrets) != 2 || len(secrets[0]) != 1 || len(secrets[1]) != 1 || !secrets[1][0].Value.IsSet() || len(warnings) > 0 {
			t.Errorf("%d, %q", len(secrets), warnings)
		}
	}
	secrets, warnings := p.LocalSecrets([]*wrangler.Config{&elsewhere, p.Configs[0]}, values)
	if len(secrets[0]) != 0 || len(secrets[1]) != 1 || len(warnings) != 1 {
		t.Errorf("%d and %d, %q", len(secrets[0]), len(secrets[1]), warnings)
	}
}

func TestOnlyAccount(t *testing.T) {
	lock := &lockfile.File{}
	if got := bindings.OnlyAccount(lock); got != "unknown" {
		t.Errorf("no record: %s", got)
	}
	lock.PutStore(lockfile.StoreKey{Account: account, Name: "a"}, "")
	lock.PutStore(lockfile.StoreKey{Account: account, Name: "b"}, "")
	if got := bindings.OnlyAccount(lock); got != account {
		t.Errorf("one account: %s", got)
	}
	lock.PutStore(lockfile.StoreKey{Account: other, Name: "a"}, "")
	if got := bindings.OnlyAccount(lock); got != "unknown" {
		t.Errorf("two accounts: %s", got)
	}
}
