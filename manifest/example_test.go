package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/manifest"
)

const text = `version: 1
stores:
  prod:
    secrets:
      stripe-key: {from: {env: STRIPE_KEY}, comment: charges}
      session-key: {generate: {bytes: 32, encoding: hex}}
`

// A manifest is loaded, which reads no value, and then its values are read.
func Example() {
	dir, err := os.MkdirTemp("", "manifest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "secretsync.yaml"), []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}

	file, err := manifest.Find(dir)
	if err != nil {
		log.Fatal(err)
	}
	environment := func(name string) (string, bool) { return "sk_live_1", name == "STRIPE_KEY" }
	m, err := manifest.Load(context.Background(), manifest.Options{File: file, LookupEnv: environment})
	if err != nil {
		log.Fatal(err)
	}
	for _, store := range m.Stores {
		for _, secret := range store.Secrets {
			fmt.Printf("%s/%s from %s, line %d\n", store.Name, secret.Name, secret.Source, secret.Pos.Line)
		}
	}
	values, err := m.Resolve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	value := values[manifest.SecretRef{Store: "prod", Secret: "stripe-key"}].Value
	fmt.Println("printed:", value)
	fmt.Println("revealed:", string(value.Reveal()))
	// Output:
	// prod/stripe-key from env STRIPE_KEY, line 5
	// prod/session-key from generate 32 bytes hex, line 6
	// printed: [redacted]
	// revealed: sk_live_1
}

// All mistakes come at once, each with its position.
func ExampleLoad_mistakes() {
	dir, err := os.MkdirTemp("", "manifest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "secretsync.yaml")
	wrong := strings.NewReplacer("comment", "coment", "bytes: 32", "bytes: 8", "env: STRIPE_KEY", "command: [op, read, key]").Replace(text)
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		log.Fatal(err)
	}

	_, err = manifest.Load(context.Background(), manifest.Options{File: file, Values: true})
	var list manifest.ErrorList
	if !errors.As(err, &list) {
		log.Fatal(err)
	}
	for _, e := range list {
		fmt.Printf("%d:%d: %s\n", e.Pos.Line, e.Pos.Column, e.What)
		switch {
		case errors.Is(e, manifest.ErrCommand):
			fmt.Println("  (set Options.AllowCommands)")
		case e.Hint != "":
			fmt.Printf("  (%s)\n", e.Hint)
		}
	}
	// Output:
	// 5:27: a command is refused: whoever may edit the manifest could run anything here
	//   (set Options.AllowCommands)
	// 5:54: unknown key "coment"
	//   (did you mean "comment"?)
	// 6:21: "generate": bytes must be 16 to 32768
	//   (for example: generate: {bytes: 32, encoding: hex})
}

// vault reads files of lines "key = value" in place of SOPS files.
type vault struct{}

func (vault) Open(name, _ string, data []byte) (manifest.SOPSFile, error) {
	entries := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			entries[key] = value
		}
	}
	return vaultFile{name, entries}, nil
}

type vaultFile struct {
	name    string
	entries map[string]string
}

func (f vaultFile) Entry(path []string) (manifest.SOPSEntry, error) {
	at := manifest.Position{File: f.name}
	if _, ok := f.entries[strings.Join(path, ".")]; !ok {
		return manifest.SOPSEntry{}, &manifest.Error{Pos: at, What: "has no such key"}
	}
	return manifest.SOPSEntry{Pos: at, Type: "str"}, nil
}

func (f vaultFile) Value(_ context.Context, path []string) (manifest.Value, error) {
	return manifest.NewValue([]byte(f.entries[strings.Join(path, ".")])), nil
}

// Encrypted files are read by what the caller gives as SOPS.
func ExampleSOPS() {
	dir, err := os.MkdirTemp("", "manifest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "secretsync.yaml")
	for name, content := range map[string]string{
		file:                             strings.Replace(text, "env: STRIPE_KEY", "sops: stripe.enc, key: live.key", 1),
		filepath.Join(dir, "stripe.enc"): "live.key = sk_live_2\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			log.Fatal(err)
		}
	}

	m, err := manifest.Load(context.Background(), manifest.Options{File: file, SOPS: vault{}})
	if err != nil {
		log.Fatal(err)
	}
	values, err := m.Resolve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for ref, resolved := range values {
		fmt.Printf("%s/%s: %s\n", ref.Store, ref.Secret, resolved.Value.Reveal())
	}
	// Output:
	// prod/stripe-key: sk_live_2
}
