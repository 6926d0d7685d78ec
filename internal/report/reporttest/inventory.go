// Package reporttest has inventories for tests of reports.
package reporttest

import (
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Now is the time of all inventories.
var Now = time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC)

const (
	day     = 24 * time.Hour
	account = planner.AccountID("0123456789abcdef0123456789abcdef")
)

var prod = planner.StoreKey{Account: account, Name: "default_secrets_store"}

// Hostile is text that must not be shown as it is: markup, a script, an address of one, template
// text, and characters that change the direction of text or show as nothing.
const Hostile = `</td></script><script>alert(1)</script><img src=x onerror="alert(2)">'"javascript:alert(3) {{.}}` + "\u202egnp.exe\u200b\x1b[31m\x00"

// Empty has no store.
func Empty() *reconcile.Inventory { return &reconcile.Inventory{Time: Now} }

// secret is a managed secret whose value was sent some days ago.
func secret(name, source string, days int) reconcile.SecretInventory {
	at := Now.Add(-time.Duration(days)*day - 3*time.Hour)
	return reconcile.SecretInventory{
		Source: source,
		Versions: planner.Versions{
			Key:     prod.Secret(name),
			Desired: &planner.DesiredSecret{Name: name, Scopes: []string{"workers"}, Source: source},
			Recorded: &planner.RecordedSecret{
				Name: name, ID: planner.SecretID("5ec2e7" + fmt.Sprintf("%026x", days)), Scopes: []string{"workers"}, Applied: at, Modified: modified(at),
			},
			Live: &planner.LiveSecret{
				ID: planner.SecretID("5ec2e7" + fmt.Sprintf("%026x", days)), Name: name, Scopes: []string{"workers"}, Status: planner.StatusActive,
				Created: modified(at.Add(-100 * day)), Modified: modified(at),
			},
		},
	}
}

func modified(t time.Time) planner.Modified { return planner.Modified(t.Format(time.RFC3339)) }

// comment sets a comment, on all sides.
func comment(s reconcile.SecretInventory, text string) reconcile.SecretInventory {
	s.Desired.Comment, s.Recorded.Comment, s.Live.Comment = &text, text, text
	return s
}

// rotated sets a policy.
func rotated(s reconcile.SecretInventory, days int) reconcile.SecretInventory {
	s.Desired.RotateAfter = time.Duration(days) * day
	s.Desired.Generated = strings.HasPrefix(s.Source, "generate")
	return s
}

// read adds a Worker of a configuration.
func read(s reconcile.SecretInventory, workers ...string) reconcile.SecretInventory {
	for i, w := range workers {
		s.Readers = append(s.Readers, planner.Reference{
			Secret: s.Key.Name, Worker: w, Pos: planner.Position{File: "apps/" + w + "/wrangler.jsonc", Line: 12 + i, Column: 7},
		})
	}
	return s
}

// deployed adds something that is deployed.
func deployed(s reconcile.SecretInventory, kind planner.ReaderKind, name, binding string) reconcile.SecretInventory {
	s.Readers = append(s.Readers, planner.Reference{Secret: s.Key.Name, Reader: kind, Worker: name, Binding: binding})
	return s
}

// Sample has secrets in every state, in two stores.
func Sample() *reconcile.Inventory {
	inv := &reconcile.Inventory{Time: Now, Quotas: map[planner.AccountID]planner.Quota{account: {Usage: 83, Limit: 100}}}
	drift := func(d planner.Drift) {
		d.Store, d.Counts = prod, true
		inv.Findings = append(inv.Findings, d)
	}

	stripe := deployed(read(comment(secret("stripe-secret-key", "sops secrets/prod.enc.yaml#stripe.secret_key", 41), "Stripe's live key; owner: payments"), "api", "billing"),
		planner.ReaderDeployed, "api", "STRIPE_KEY")
	stripe.Live.Value = planner.LiveSame
	session := rotated(read(secret("session-key", "generate 32 bytes hex", 97), "api"), 90)
	drift(planner.Drift{Kind: planner.DriftRotationOverdue, Secret: "session-key", Generated: true})
	csrf := rotated(read(secret("csrf-key", "generate 32 bytes hex", 86), "web"), 90)
	webhook := rotated(comment(secret("github-webhook", "env GITHUB_WEBHOOK_SECRET", 12), "set in the organisation's settings"), 365)
	database := read(secret("database-url", "command op read op://prod/database/url", 3), "api")
	database.Live.Modified = modified(Now.Add(-5 * time.Hour))
	drift(planner.Drift{Kind: planner.DriftChanged, Secret: "database-url", Outside: &planner.OutsideChange{
		At: modified(Now.Add(-5 * time.Hour)), Actor: "jane@example.com", Channel: "dash", Value: planner.ValueModified,
	}})
	openai := deployed(comment(secret("openai-key", "sops secrets/prod.enc.yaml#openai", 400), "AI Gateway only"), planner.ReaderGateway, "assistant", "openai")
	openai.Desired.Scopes, openai.Recorded.Scopes, openai.Live.Scopes = []string{"ai_gateway"}, []string{"ai_gateway"}, []string{"ai_gateway", "workers"}
	drift(planner.Drift{Kind: planner.DriftScopes, Secret: "openai-key", Scopes: &planner.Change[[]string]{
		Before: []string{"ai_gateway"}, After: []string{"ai_gateway", "workers"},
	}})
	gone := secret("smtp-password", "file secrets/smtp.txt", 200)
	gone.Live = nil
	drift(planner.Drift{Kind: planner.DriftDeleted, Secret: "smtp-password"})
	signing := deployed(secret("signing-key", "sops secrets/prod.enc.yaml#signing", 900), planner.ReaderDispatched, "customers/acme", "SIGNING_KEY")
	left := secret("old-webhook", "env OLD_WEBHOOK", 250)
	left.Desired = nil
	earlier := secret("session-key-previous", "", 97)
	earlier.Desired, earlier.Recorded.PreviousOf = nil, "session-key"
	soon := read(secret("sendgrid-api-key", "sops secrets/prod.enc.yaml#sendgrid", 1), "mailer")
	soon.Recorded, soon.Live = nil, nil
	external := secret("wiki-token", "", 30)
	external.Recorded, external.Desired.External = nil, true
	missing := secret("partner-token", "", 30)
	missing.Recorded, missing.Live, missing.Desired.External = nil, nil, true
	theirs := secret("wiki-bot", "", 30)
	theirs.Recorded, theirs.Desired = nil, nil
	inv.Findings = append(inv.Findings, planner.Drift{Kind: planner.DriftUnmanaged, Store: prod, Secret: "wiki-bot"})
	interrupted := secret("turnstile-key", "env TURNSTILE", 0)
	interrupted.Recorded.Pending = &planner.Pending{Op: planner.OpUpdate}
	drift(planner.Drift{Kind: planner.DriftInterrupted, Secret: "turnstile-key"})
	accepted := secret("accepted-key", "env ACCEPTED", 60)
	accepted.Recorded.Accepted = true

	inv.Stores = []reconcile.StoreInventory{
		{Key: prod, ID: "5701e000000000000000000000000001", Exists: true, Others: 4, Secrets: []reconcile.SecretInventory{
			accepted, csrf, database, webhook, left, openai, missing, soon, session, earlier, signing, gone, stripe, interrupted, theirs, external,
		}},
		{Key: planner.StoreKey{Account: "fedcba9876543210fedcba9876543210", Name: "europe"}, Unread: true},
	}
	inv.UnreadConfigs = []planner.Position{{File: "apps/legacy/wrangler.toml", Line: 3, Column: 1}}
	return inv
}

// Foreign has [Hostile] wherever text from elsewhere is shown.
func Foreign() *reconcile.Inventory {
	store := planner.StoreKey{Account: account, Name: Hostile}
	s := rotated(comment(secret(Hostile, "env "+Hostile, 5), Hostile), 30)
	s.Key = store.Secret(Hostile)
	s.Desired.Scopes, s.Recorded.Scopes, s.Live.Scopes = []string{Hostile}, []string{Hostile}, []string{Hostile}
	s.Recorded.ID, s.Recorded.PreviousOf, s.Live.ID = Hostile, Hostile, Hostile
	s.Live.Created, s.Live.Modified = Hostile, Hostile
	s.Readers = []planner.Reference{
		{Worker: Hostile, Pos: planner.Position{File: Hostile, Line: 1}},
		{Worker: Hostile + "2", Reader: planner.ReaderDeployed, Binding: Hostile},
	}
	who := &planner.OutsideChange{At: Hostile, Actor: Hostile, Channel: Hostile}
	return &reconcile.Inventory{
		Time: Now, Quotas: map[planner.AccountID]planner.Quota{account: {Usage: 1, Limit: 100}},
		Stores: []reconcile.StoreInventory{
			{Key: store, ID: Hostile, Exists: true, Incomplete: true, Secrets: []reconcile.SecretInventory{s}},
			{Key: planner.StoreKey{Account: Hostile, Name: Hostile}, Unread: true},
		},
		Findings: []planner.Drift{
			{Kind: planner.DriftComment, Store: store, Secret: Hostile, Counts: true, Comment: &planner.Change[string]{Before: Hostile, After: Hostile + "!"}, Outside: who},
			{Kind: planner.DriftNotActive, Store: store, Secret: Hostile, Counts: true, Status: Hostile},
			{Kind: planner.DriftListIncomplete, Store: store},
		},
		UnreadConfigs: []planner.Position{{File: Hostile}},
		UnreadReaders: []planner.AccountID{Hostile},
	}
}

// Many has n secrets, of different ages and policies.
func Many(n int) *reconcile.Inventory {
	inv := Sample()
	st := &inv.Stores[0]
	st.Secrets, st.Others, inv.Findings = nil, 0, nil
	inv.Stores, inv.UnreadConfigs = inv.Stores[:1], nil
	sources := []string{"sops secrets/prod.enc.yaml#service", "generate 32 bytes hex", "env SERVICE_TOKEN", "command op read op://prod/service/token", "file token.txt"}
	for i := range n {
		name := fmt.Sprintf("service-%03d-token", i)
		s := secret(name, sources[i%len(sources)], i*37%1000)
		if i%3 > 0 {
			s = rotated(s, []int{30, 90, 180, 365, 1000}[i%5])
		}
		if s.Desired.RotateAfter > 0 && Now.Sub(s.Recorded.Applied) >= s.Desired.RotateAfter {
			inv.Findings = append(inv.Findings, planner.Drift{Kind: planner.DriftRotationOverdue, Store: prod, Secret: name, Counts: true, Generated: s.Desired.Generated})
		}
		if i%4 > 0 {
			s = read(s, fmt.Sprintf("worker-%d", i%17))
		}
		if i%5 == 0 {
			s = comment(s, "owner: team "+string(rune('a'+i%26)))
		}
		st.Secrets = append(st.Secrets, s)
	}
	inv.Quotas[account] = planner.Quota{Usage: n, Limit: 1000}
	return inv
}
