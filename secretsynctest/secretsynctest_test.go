package secretsynctest_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/secretsynctest"
)

// account returns a client of the account, with a store.
func account(t *testing.T, o connect.Options) (reconcile.Account, planner.StoreID) {
	t.Helper()
	api, err := connect.Cloudflare(o)
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.Account(secretsynctest.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	stores, err := client.ListStores(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(stores) > 0 {
		return client, stores[0].ID
	}
	store, err := client.CreateStore(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return client, store
}

func create(ctx context.Context, client reconcile.Account, store planner.StoreID, name, value string) ([]planner.LiveSecret, error) {
	secret := applier.NewSecret{Name: name, Value: applier.NewValue([]byte(value)), Scopes: []string{planner.ScopeWorkers}}
	return client.CreateSecrets(ctx, store, []applier.NewSecret{secret}, nil)
}

func TestHasValue(t *testing.T) {
	server := secretsynctest.Start(t)
	client, store := account(t, server.Options())
	if _, err := create(t.Context(), client, store, "api-key", "one"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		store, name, value string
		want               bool
	}{
		{"prod", "api-key", "one", true},
		{"prod", "api-key", "on", false},
		{"prod", "other", "one", false},
		{"test", "api-key", "one", false},
	} {
		if got := server.HasValue(tt.store, tt.name, tt.value); got != tt.want {
			t.Errorf("HasValue(%q, %q, %q) = %v", tt.store, tt.name, tt.value, got)
		}
	}
}

func TestRequests(t *testing.T) {
	server := secretsynctest.Start(t)
	_, store := account(t, server.Options())
	root := "/client/v4/accounts/" + string(secretsynctest.Account) + "/secrets_store/stores"
	want := []secretsynctest.Request{{Method: "GET", Path: root, Status: 200}, {Method: "POST", Path: root, Status: 200}}
	if got := server.Requests(); !slices.Equal(got, want) {
		t.Errorf("requests %v\nwant %v", got, want)
	}
	server.ResetRequests()
	if got := server.Requests(); len(got) > 0 {
		t.Errorf("after ResetRequests: %v", got)
	}
	if store == "" {
		t.Error("the store has no id")
	}
}

func TestReadToken(t *testing.T) {
	server := secretsynctest.Start(t)
	_, store := account(t, server.Options())
	o := server.Options()
	o.Token = func(planner.AccountID, string) (string, error) { return secretsynctest.ReadToken, nil }
	client, _ := account(t, o)
	if _, err := create(t.Context(), client, store, "api-key", "one"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a token that may only read created a secret: %v", err)
	}
	o.Token = func(planner.AccountID, string) (string, error) { return "another", nil }
	api, err := connect.Cloudflare(o)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := api.Account(secretsynctest.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.ListStores(t.Context()); err == nil {
		t.Error("an unknown token listed the stores")
	}
}

func TestSetFaults(t *testing.T) {
	server := secretsynctest.Start(t)
	client, store := account(t, server.Options())
	if err := server.SetFaults("POST /secrets cut-after once"); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t.Context(), client, store, "api-key", "one"); !errors.Is(err, applier.ErrOutcomeUnknown) {
		t.Errorf("a request whose response was lost ended with %v", err)
	}
	if !server.HasValue("prod", "api-key", "one") {
		t.Error("the request had no effect")
	}
	if err := server.SetFaults("POST /secrets 403"); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t.Context(), client, store, "other", "two"); err == nil {
		t.Error("the second rule had no effect")
	}
	if err := server.SetFaults("POST /secrets never"); err == nil {
		t.Error("a malformed rule was accepted")
	}
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t.Context(), client, store, "other", "two"); err != nil {
		t.Errorf("without rules: %v", err)
	}
}

func TestOptions(t *testing.T) {
	server := secretsynctest.Start(t, secretsynctest.WithQuota(1), secretsynctest.WithStores(2),
		secretsynctest.WithPending(time.Hour), secretsynctest.WithLag(time.Hour))
	client, store := account(t, server.Options())
	if _, err := client.CreateStore(t.Context(), "second"); err != nil {
		t.Errorf("WithStores(2): %v", err)
	}
	created, err := create(t.Context(), client, store, "first", "one")
	if err != nil {
		t.Fatal(err)
	}
	if created[0].Status != planner.StatusPending {
		t.Errorf("WithPending: the secret is %q", created[0].Status)
	}
	if _, err := create(t.Context(), client, store, "second", "two"); err == nil {
		t.Error("WithQuota(1): a second secret was created")
	}
	if stores, err := client.ListStores(t.Context()); err != nil || len(stores) > 0 {
		t.Errorf("WithLag: the list has %v already (%v)", stores, err)
	}
}

// Token has only the permissions that WithPermissions names.
func TestPermissions(t *testing.T) {
	server := secretsynctest.Start(t, secretsynctest.WithPermissions("Secrets Store Read", "Workers Scripts Edit"))
	api, err := connect.Cloudflare(server.Options())
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.Account(secretsynctest.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListStores(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if _, err := client.CreateStore(t.Context(), "prod"); err == nil {
		t.Error("a store was created")
	}
	if s, err := secretsynctest.New(secretsynctest.WithPermissions("Secrets Store")); err == nil {
		s.Close()
		t.Error("an unknown permission was accepted")
	}
}

// Every server has its own state and ends with its test.
func TestStart(t *testing.T) {
	var first, second *secretsynctest.Server
	t.Run("inner", func(t *testing.T) {
		first, second = secretsynctest.Start(t), secretsynctest.Start(t)
		client, store := account(t, first.Options())
		if _, err := create(t.Context(), client, store, "api-key", "one"); err != nil {
			t.Fatal(err)
		}
		if second.HasValue("prod", "api-key", "one") {
			t.Error("two servers share their state")
		}
	})
	for _, s := range []*secretsynctest.Server{first, second} {
		if resp, err := http.Get(s.BaseURL); err == nil {
			resp.Body.Close()
			t.Errorf("%s still answers after its test", s.BaseURL)
		}
		s.Close() // again
	}
}

// An impossible option is an error.
func TestNewRefuses(t *testing.T) {
	if s, err := secretsynctest.New(secretsynctest.WithQuota(-1)); err == nil {
		s.Close()
		t.Error("a negative quota was accepted")
	}
}

// Values can be verified if they are kept. Without Miniflare, the imitated witness does that.
func TestValues(t *testing.T) {
	for _, tt := range []struct {
		options []secretsynctest.Option
		want    planner.LiveValue
		reason  reconcile.UnverifiedReason
	}{
		{nil, planner.LiveUnreadable, reconcile.UnverifiedRejected},
		{[]secretsynctest.Option{secretsynctest.WithValues()}, planner.LiveSame, ""},
		{[]secretsynctest.Option{secretsynctest.WithValues(), secretsynctest.WithMiniflare(t.TempDir())}, planner.LiveSame, ""},
	} {
		project := applied(t, secretsynctest.Start(t, tt.options...))
		v, err := project.Verify(t.Context())
		if err != nil || v.Failed != nil || len(v.Secrets) != 1 || v.Secrets[0].Value != tt.want || v.Secrets[0].Reason != tt.reason {
			t.Errorf("verified %+v, %v; want %q %q", v, err, tt.want, tt.reason)
		}
	}
}

// With WithDeployMoves, binding a secret, as verification does, looks like a change from outside.
func TestDeployMoves(t *testing.T) {
	for _, moves := range []bool{false, true} {
		options := []secretsynctest.Option{secretsynctest.WithValues()}
		if moves {
			options = append(options, secretsynctest.WithDeployMoves())
		}
		project := applied(t, secretsynctest.Start(t, options...))
		if _, err := project.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		drift, err := project.Drift(t.Context())
		if err != nil || len(drift.Findings) > 0 != moves {
			t.Errorf("WithDeployMoves %v: drift finds %+v, %v", moves, drift.Findings, err)
		}
	}
}

// The API is complete: a project can be planned and applied with it.
func TestAPI(t *testing.T) {
	server := secretsynctest.Start(t)
	applied(t, server)
	if !server.HasValue("prod", "api-key", "one") {
		t.Error("the value was not written")
	}
}

// applied returns a project with one secret, after an apply.
func applied(t *testing.T, server *secretsynctest.Server) *reconcile.Project {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secretsync.yaml")
	text := "version: 1\nstores: {prod: {secrets: {api-key: {from: {env: API_KEY}}}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	project, err := reconcile.Open(t.Context(), reconcile.Config{
		Manifest: file, API: server.API(), LookupEnv: func(name string) (string, bool) { return "one", name == "API_KEY" },
	})
	if err != nil {
		t.Fatal(err)
	}
	run, err := project.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	proposal, err := run.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer proposal.Close()
	report, err := run.Apply(t.Context(), proposal)
	if err != nil || !report.Complete() || len(report.Results) != 2 {
		t.Fatalf("applied %+v, %v", report, err)
	}
	return project
}
