package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/secretsynctest"
)

const text = `version: 1
stores:
  prod:
    secrets:
      stripe-key: {from: {env: STRIPE_KEY}, comment: charges}
      mail-key: {from: {sops: mail.enc, key: api.key}}
`

// vault takes the place of SOPS: it has one value, and keeps the fingerprint key in memory.
type vault struct{ sealed *manifest.Value }

func (vault) Open(name, _ string, _ []byte) (manifest.SOPSFile, error) { return vaultFile(name), nil }

func (v vault) Seal(_ context.Context, key manifest.Value, _, _ string, _ ...string) ([]byte, int, error) {
	*v.sealed = manifest.NewValue(bytes.Clone(key.Reveal()))
	return []byte(`{"sops":{"version":"in memory"}}`), 1, nil
}

func (v vault) Unseal(_ context.Context, _ []byte, name string) (manifest.Value, error) {
	if !v.sealed.IsSet() {
		return manifest.Value{}, &manifest.Error{Pos: manifest.Position{File: name}, What: "the vault is empty"}
	}
	return manifest.NewValue(bytes.Clone(v.sealed.Reveal())), nil
}

type vaultFile string

func (f vaultFile) Entry(path []string) (manifest.SOPSEntry, error) {
	return manifest.SOPSEntry{Pos: manifest.Position{File: string(f), Line: 1}, Type: "str"}, nil
}

func (f vaultFile) Value(context.Context, []string) (manifest.Value, error) {
	return manifest.NewValue([]byte("mail_1")), nil
}

// start returns a controller of a new manifest against a test server.
func start(t *testing.T) (c *controller, server *secretsynctest.Server, log *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "secretsync.yaml")
	for name, content := range map[string]string{file: text, filepath.Join(dir, "mail.enc"): "encrypted"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, log = secretsynctest.Start(t), new(bytes.Buffer)
	environment := func(name string) (string, bool) { return "sk_live_1", name == "STRIPE_KEY" }
	config := reconcile.Config{
		Manifest: file, API: server.API(), SOPS: vault{new(manifest.Value)}, Guard: new(guard), LookupEnv: environment,
	}
	return newController(config, slog.New(slog.NewTextHandler(log, nil))), server, log
}

func round(t *testing.T, c *controller) {
	t.Helper()
	if err := c.round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestController(t *testing.T) {
	c, server, log := start(t)
	round(t, c)
	if !c.report.Complete() || len(c.report.Results) != 3 {
		t.Fatalf("first round: %+v", c.report)
	}
	if !server.HasValue("prod", "stripe-key", "sk_live_1") || !server.HasValue("prod", "mail-key", "mail_1") {
		t.Error("the values were not written")
	}
	if !strings.Contains(log.String(), "name=stripe-key value=[redacted]") || strings.Contains(log.String(), "sk_live_1") {
		t.Errorf("the audit log is wrong:\n%s", log)
	}
	if got := c.config.Guard.(*guard).filter("keys: sk_live_1, mail_1."); got != "keys: [withheld], [withheld]." {
		t.Errorf("the guard lets through %q", got)
	}

	round(t, c)
	if len(c.report.Results) > 0 || len(c.drift) > 0 {
		t.Errorf("second round: %+v, drift %+v", c.report, c.drift)
	}

	remove(t, server, "stripe-key")
	round(t, c)
	if len(c.drift) != 1 || c.drift[0].Kind != planner.DriftDeleted || c.drift[0].Secret != "stripe-key" {
		t.Errorf("drift of a deleted secret: %+v", c.drift)
	}
	if !c.report.Complete() || !server.HasValue("prod", "stripe-key", "sk_live_1") {
		t.Errorf("the deleted secret was not created again: %+v", c.report)
	}
}

// remove deletes a secret as a colleague at the dashboard does.
func remove(t *testing.T, server *secretsynctest.Server, name string) {
	t.Helper()
	account, err := server.API().Account(secretsynctest.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	stores, err := account.ListStores(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := account.ListSecrets(t.Context(), stores[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if s.Name == name {
			if err := account.DeleteSecret(t.Context(), stores[0].ID, s.ID); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no secret %q", name)
}

// An apply finds out by itself what became of a request whose response was lost; a refused
// one is repeated in the next round.
func TestFaults(t *testing.T) {
	c, server, _ := start(t)
	if err := server.SetFaults("POST /secrets 403"); err != nil {
		t.Fatal(err)
	}
	round(t, c)
	if c.report.Count(applier.Failed) != 2 || c.report.Complete() {
		t.Errorf("creations were refused: %+v", c.report)
	}
	if err := server.SetFaults("POST /secrets cut-after once"); err != nil {
		t.Fatal(err)
	}
	round(t, c)
	if c.report.Count(applier.Done) != 1 || c.report.Count(applier.Unknown) != 1 || !server.HasValue("prod", "mail-key", "mail_1") {
		t.Errorf("a response was lost, and only one of two secrets has a comment to recognize it by: %+v", c.report)
	}
	round(t, c)
	if !c.report.Complete() {
		t.Errorf("the next round: %+v", c.report)
	}
}

// A plan is reviewed in a plan file, and only what it covers is applied.
func TestReviewedPlan(t *testing.T) {
	c, _, _ := start(t)
	project, err := reconcile.Open(t.Context(), c.config)
	if err != nil {
		t.Fatal(err)
	}
	proposal, err := project.Plan(t.Context(), reconcile.Mode{Keyless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer proposal.Close()
	reviewed, err := planfile.Parse("plan.json", proposal.File().Format())
	if err != nil {
		t.Fatal(err)
	}

	run, err := project.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	now, err := run.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	if skipped, err := now.Check(reconcile.Review{Files: []*planfile.File{reviewed}}); err != nil || len(skipped) > 0 {
		t.Errorf("the same plan: skipped %v, %v", skipped, err)
	}
	if _, err := run.Apply(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	lock, err := lockfile.Read(project.Lockfile())
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range lock.All() {
		for name, sec := range st.All() {
			if !sec.Fingerprint.Valid() {
				t.Errorf("%s has no fingerprint", name)
			}
		}
	}

	destroy, err := run.Plan(t.Context(), reconcile.Destroy())
	if err != nil {
		t.Fatal(err)
	}
	defer destroy.Close()
	var stale *reconcile.StaleError
	if _, err := destroy.Check(reconcile.Review{Files: []*planfile.File{reviewed}}); !errors.As(err, &stale) {
		t.Errorf("a plan that goes further: %v", err)
	}
}

// Mistakes in a manifest come with their positions.
func TestMistakes(t *testing.T) {
	c, _, _ := start(t)
	if err := os.WriteFile(c.config.Manifest, []byte(strings.Replace(text, "comment", "coment", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var list manifest.ErrorList
	if err := c.round(t.Context()); !errors.As(err, &list) || len(list) != 1 || list[0].Pos.Line != 5 || list[0].Hint == "" {
		t.Errorf("a misspelt key: %v", err)
	}
}
