package reconcile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/secretsynctest"
)

// apply makes the Secrets Store match a manifest.
func apply(ctx context.Context, config reconcile.Config) (*applier.Report, error) {
	project, err := reconcile.Open(ctx, config)
	if err != nil {
		return nil, err // all mistakes in the manifest, with their positions
	}
	run, err := project.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	proposal, err := run.Plan(ctx)
	if err != nil {
		return nil, err
	}
	defer proposal.Close()
	for _, action := range proposal.Plan.Actions {
		fmt.Printf("%s %s/%s\n", action.Op, action.Store.Name, action.Secret)
	}
	return run.Apply(ctx, proposal)
}

// project writes a manifest to a new folder and configures its reconciliation against a
// test server. The returned function removes both.
func project() (reconcile.Config, *secretsynctest.Server, func()) {
	server, err := secretsynctest.New()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "reconcile")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "secretsync.yaml")
	text := `version: 1
stores:
  prod:
    secrets:
      stripe-key: {from: {env: STRIPE_KEY}, comment: charges}
      session-key: {generate: {bytes: 32, encoding: hex}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	environment := func(name string) (string, bool) { return "sk_live_1", name == "STRIPE_KEY" }
	config := reconcile.Config{Manifest: file, API: server.API(), LookupEnv: environment}
	return config, server, func() {
		server.Close()
		os.RemoveAll(dir)
	}
}

// The main flow: open a manifest, take the lock, plan, apply.
func Example() {
	ctx := context.Background()
	config, server, remove := project()
	defer remove()

	// apply calls Open, Project.Lock, Run.Plan and Run.Apply.
	report, err := apply(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("complete:", report.Complete())
	fmt.Println("written:", server.HasValue("prod", "stripe-key", "sk_live_1"))

	fmt.Println("again:")
	report, err = apply(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("actions:", len(report.Results))
	// Output:
	// create-store prod/
	// create prod/session-key
	// create prod/stripe-key
	// complete: true
	// written: true
	// again:
	// actions: 0
}

// A plan for review takes no lock, and changes nothing. Without the fingerprint key it
// compares the ciphertexts of values instead of the values.
func ExampleProject_Plan() {
	ctx := context.Background()
	config, _, remove := project()
	defer remove()

	project, err := reconcile.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	proposal, err := project.Plan(ctx, reconcile.Mode{Keyless: true})
	if err != nil {
		log.Fatal(err)
	}
	defer proposal.Close()
	for _, action := range proposal.File().Actions { // as in the plan file
		fmt.Printf("%s %s/%s %v\n", action.Op, action.Store, action.Secret, action.Reasons)
	}
	// Output:
	// create-store prod/ [new]
	// create prod/session-key [new]
	// create prod/stripe-key [new]
}

// Drift finds what others changed, and can plan the repair.
func ExampleProject_Drift() {
	ctx := context.Background()
	config, server, remove := project()
	defer remove()
	if _, err := apply(ctx, config); err != nil {
		log.Fatal(err)
	}

	// A colleague edits a comment at the dashboard.
	account, err := server.API().Account(secretsynctest.Account, "")
	if err != nil {
		log.Fatal(err)
	}
	stores, err := account.ListStores(ctx)
	if err != nil {
		log.Fatal(err)
	}
	secrets, err := account.ListSecrets(ctx, stores[0].ID)
	if err != nil {
		log.Fatal(err)
	}
	i := slices.IndexFunc(secrets, func(s planner.LiveSecret) bool { return s.Name == "stripe-key" })
	edited := "do not touch"
	if _, err := account.UpdateSecret(ctx, stores[0].ID, secrets[i].ID, applier.Patch{Comment: &edited}); err != nil {
		log.Fatal(err)
	}

	project, err := reconcile.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	drift, err := project.Drift(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, finding := range drift.Findings {
		fmt.Println(finding.Secret, finding.Kind)
	}
	repair, _, err := drift.Repair(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer repair.Close()
	for _, action := range repair.Plan.Actions {
		fmt.Printf("to repair: %s %s: %v\n", action.Op, action.Secret, action.Reasons)
	}
	// Output:
	// create-store prod/
	// create prod/session-key
	// create prod/stripe-key
	// stripe-key comment
	// to repair: update stripe-key: [changed_outside comment_changed]
}
