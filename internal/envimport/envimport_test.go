package envimport

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
)

// run imports in the current folder, which has no manifest. It returns the standard output and the
// messages.
func run(t *testing.T, o Options) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	o.Open = func() (*reconcile.Project, error) { return nil, manifest.ErrNone }
	err = Run(t.Context(), o, Host{
		In: strings.NewReader(""), Out: &stdout, LookupEnv: os.LookupEnv, Filter: redact.New(), Outputs: new(outfile.Guard),
		Say:    func(format string, args ...any) { fmt.Fprintf(&stderr, format+"\n", args...) },
		Hint:   func(text string) { fmt.Fprintln(&stderr, text) },
		Notify: func(reconcile.Event) {},
		Line:   func(words ...string) string { return "secretsync " + strings.Join(words, " ") },
	})
	return stdout.String(), stderr.String(), err
}

// folder changes to a new folder with plaintext values and a rule for SOPS.
func folder(t *testing.T, vars string) {
	t.Helper()
	t.Chdir(t.TempDir())
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOPS_AGE_KEY", identity.String())
	rules := "creation_rules: [{age: " + identity.Recipient().String() + "}]\n"
	if err := errors.Join(os.WriteFile(".sops.yaml", []byte(rules), 0o600), os.WriteFile(".dev.vars", []byte(vars), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestImport(t *testing.T) {
	folder(t, "KEY=first value\nOTHER=second value\nPUBLIC_URL=https://example.com\n")
	o := Options{Files: []string{".dev.vars"}, Except: []string{"PUBLIC_*"}, DryRun: true}
	if _, _, err := run(t, o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(defaultManifest); err == nil {
		t.Errorf("a dry run wrote %s", defaultManifest)
	}
	o.DryRun = false
	out, _, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Wrote secrets.enc.yaml: values 2, encrypted for recipients: 1.", "Wrote secretsync.yaml: secrets 2, in the store default_secrets_store.",
		".dev.vars:3:1  --except", "Then: delete KEY, OTHER from .dev.vars",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	sealed, err := os.ReadFile(defaultSOPS)
	if err != nil || bytes.Contains(sealed, []byte("value\n")) || !bytes.Contains(sealed, []byte("KEY: ENC[")) {
		t.Errorf("%s, %v", sealed, err)
	}
	text, err := os.ReadFile(defaultManifest)
	if err != nil || !bytes.Contains(text, []byte("OTHER")) || bytes.Contains(text, []byte("PUBLIC_URL")) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestRefused: what cannot be imported, or not there, is refused before anything is written.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		o          Options
	}{
		{"a glob without a match", `no name in .dev.vars matches "NONE"`, Options{Files: []string{".dev.vars"}, Except: []string{"NONE"}}},
		{"no glob", `--only "[" is not a glob`, Options{Files: []string{".dev.vars"}, Only: []string{"["}}},
		{"a file of both roles", "cannot be both read and written", Options{Files: []string{"vars.yaml"}, SOPS: "vars.yaml"}},
		{"no SOPS format", "values are added to SOPS files in YAML or JSON only", Options{Files: []string{".dev.vars"}, SOPS: "secrets.env"}},
		{"an existing file", ".dev.vars exists already: import overwrites nothing", Options{Files: []string{".dev.vars"}, Out: ".dev.vars"}},
		{"a label", "a store's label consists of", Options{Files: []string{".dev.vars"}, Store: "a b"}},
	} {
		folder(t, "KEY=first value\n")
		_, _, err := run(t, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, name := range []string{defaultManifest, defaultSOPS} {
			if _, err := os.Stat(name); err == nil {
				t.Errorf("%s: %s was written", c.name, name)
			}
		}
	}
}
