package secretsynctest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/secretsynctest"
)

// A response is lost after the request took effect: the client cannot know the outcome, and
// the test can.
func Example() {
	ctx := context.Background()
	server, err := secretsynctest.New() // in a test: secretsynctest.Start(t)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	account, err := server.API().Account(secretsynctest.Account, "")
	if err != nil {
		log.Fatal(err)
	}
	store, err := account.CreateStore(ctx, "prod")
	if err != nil {
		log.Fatal(err)
	}

	if err := server.SetFaults("POST /secrets cut-after once"); err != nil {
		log.Fatal(err)
	}
	_, err = account.CreateSecrets(ctx, store, []applier.NewSecret{{
		Name: "stripe-key", Value: applier.NewValue([]byte("sk_live_1")), Scopes: []string{planner.ScopeWorkers},
	}}, nil)
	fmt.Println("unknown:", errors.Is(err, applier.ErrOutcomeUnknown))
	fmt.Println("written:", server.HasValue("prod", "stripe-key", "sk_live_1"))
	for _, r := range server.Requests() {
		fmt.Println(r.Method, r.Status)
	}
	// Output:
	// unknown: true
	// written: true
	// POST 200
	// POST 0
}
