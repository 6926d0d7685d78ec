package connect_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/secretsynctest"
)

// A configuration with Cloudflare's API and SOPS, as the secretsync command has it.
func Example() {
	api, err := connect.Cloudflare(connect.Options{
		DefaultAccount: "0123456789abcdef0123456789abcdef",
		UserAgent:      "example-controller/1.0",
		OnWait: func(w reconcile.Waiting) {
			slog.Warn("waiting for Cloudflare", "reason", w.Reason, "until", w.Until)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	sops, err := connect.SOPS() // decrypts with age and PGP keys
	if err != nil {
		log.Fatal(err)
	}
	config := reconcile.Config{Manifest: "secretsync.yaml", API: api, SOPS: sops}
	fmt.Println(config.API.DefaultAccount(), config.API.Loopback())
	// Output:
	// 0123456789abcdef0123456789abcdef false
}

// Tokens come from the environment, or from where the program keeps them.
func ExampleOptions_token() {
	tokens := map[planner.AccountID]string{secretsynctest.Account: secretsynctest.Token}
	server, err := secretsynctest.New()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	api, err := connect.Cloudflare(connect.Options{
		BaseURL: server.BaseURL, // Cloudflare's own without this
		Token: func(account planner.AccountID, _ string) (string, error) {
			if token, ok := tokens[account]; ok {
				return token, nil
			}
			return "", fmt.Errorf("no token for account %s", account)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	account, err := api.Account(secretsynctest.Account, "")
	if err != nil {
		log.Fatal(err)
	}
	usage, limit, err := account.GetQuota(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d secrets\n", usage, limit)
	_, err = api.Account("ffffffffffffffffffffffffffffffff", "")
	fmt.Println(err)
	// Output:
	// 0 of 100 secrets
	// no token for account ffffffffffffffffffffffffffffffff
}

// Without a token, the error names the variable that should hold it.
func ExampleNoTokenError() {
	os.Unsetenv("DEPLOY_TOKEN")
	api, err := connect.Cloudflare(connect.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = api.Account("0123456789abcdef0123456789abcdef", "DEPLOY_TOKEN")
	var missing *connect.NoTokenError
	if errors.As(err, &missing) {
		fmt.Println("missing:", missing.Variable)
	}
	// Output:
	// missing: DEPLOY_TOKEN
}
