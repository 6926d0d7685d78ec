package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// A plan without the lock changes nothing: neither Cloudflare, nor the lockfile, nor the
// key.
func TestPlanChangesNothing(t *testing.T) {
	w := withoutKey(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	p := w.plan(Mode{})
	lines(t, "plan", actions(p.Plan), `
		create-store prod/ new
		create prod/a new +value
		create prod/b new +value`)
	lines(t, "calls", w.live().Transcript(), "list stores")
	for _, name := range []string{"secretsync.lock", "secretsync.key", lockfile.SideFile("secretsync.lock")} {
		if onDisk(w.path(name)) {
			t.Errorf("%s was written", name)
		}
	}
}

// An account that cannot be read is named, and left out of the plan.
func TestPlanLeavesOutWhatIsUnreachable(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {a: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.env["A"] = "new"
	w.api.Accounts[other].Down("")
	p := w.plan(Mode{})
	lines(t, "plan", actions(p.Plan), "update prod/a value_changed +value")
	if !errors.Is(p.Unreachable, enginetest.ErrDown) || p.Unreachable.Error() != "account "+string(other)+": down" {
		t.Errorf("unreachable: %v", p.Unreachable)
	}
	elsewhere := planner.StoreKey{Account: other, Name: "elsewhere"}
	equal(t, "notes", p.Plan.Notes, []planner.Note{{Kind: planner.NoteAccountUnread, Store: elsewhere}})
	equal(t, "unread accounts in the plan file", p.File().Summary.UnreadAccounts, 1)
	if p := w.plan(Mode{Offline: true}); p.Unreachable != nil || len(p.Plan.Actions) != 2 {
		t.Errorf("offline: %v, %v", p.Unreachable, actions(p.Plan))
	}

	w.live().Down("")
	_, err := w.open().Plan(t.Context(), Mode{})
	if want := fmt.Sprintf("account %s: down\naccount %s: down", account, other); err == nil || err.Error() != want {
		t.Errorf("nothing is reachable: %v", err)
	}

	w.live().Before, w.api.Accounts[other].Before = nil, nil
	complete := w.plan(Mode{})
	if complete.Unreachable != nil || len(complete.Plan.Notes) != 0 {
		t.Errorf("all are reachable again: %v, %v", complete.Unreachable, complete.Plan.Notes)
	}
	// A review of the incomplete plan does not cover the rest.
	for name, r := range map[string]Review{"file": {Files: []*planfile.File{p.File()}}, "id": {IDs: []string{p.File().PlanID}}} {
		if _, err := complete.Check(r); !errors.As(err, new(*StaleError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The quota costs a request, which is sent only if it can matter: for a plan that creates secrets
// and could have more than the usual quota before it deletes any.
func TestQuota(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		b.WriteString("stores:\n  prod:\n    secrets:\n")
		for i := range n {
			fmt.Fprintf(&b, "      s%02d: {from: {env: A}}\n", i)
		}
		return b.String()
	}
	const another = "      t: {from: {env: A}}\n"
	for _, tt := range []struct {
		name          string
		applied, then string
		others        int // secrets of other clients
		calls         string
	}{
		{"nothing to create", many(2), many(2), 0, "list secrets st1"},
		{"nothing to create, above the usual quota", many(2), many(2), 200, "list secrets st1"},
		{"some to create", many(2), many(3), 0, "list secrets st1"},
		{"some to create and to delete", many(2), many(1) + another, 0, "list secrets st1"},
		{"up to the usual quota", many(98), many(100), 0, "list secrets st1"},
		{"above the usual quota", many(98), many(101), 0, "list secrets st1\nquota"},
		{"above the usual quota until it deletes", many(98), many(97) + another + "      u: {from: {env: A}}\n" + "      v: {from: {env: A}}\n", 0, "list secrets st1\nquota"},
		{"above the usual quota with those of others", many(2), many(3), 98, "list secrets st1\nquota"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, lock := range []bool{false, true} {
				w := newWorld(t, tt.applied)
				w.env["A"] = "va"
				w.applied()
				for i := range tt.others {
					w.live().Create(w.live().Put("prod"), fmt.Sprintf("other-%d", i), "theirs", nil, "")
				}
				w.manifest(tt.then)
				if lock {
					planned(t, w.lock())
				} else {
					w.plan(Mode{})
				}
				calls := w.live().Transcript()
				slices.Sort(calls) // they may go side by side
				lines(t, "calls", calls, tt.calls)
			}
		})
	}
}

// Where the manifest and the lockfile say that the quota matters, reading it takes no round trip
// of its own.
func TestQuotaIsReadBesideTheList(t *testing.T) {
	var b strings.Builder
	b.WriteString("stores:\n  prod:\n    secrets:\n")
	for i := range 101 {
		fmt.Fprintf(&b, "      s%d: {from: {env: A}}\n", i)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, b.String())
		w.env["A"] = "va"
		w.live().Slow = time.Second
		begun := time.Now()
		p := w.plan(Mode{})
		equal(t, "time", time.Since(begun), time.Second)
		equal(t, "problems", len(p.Plan.Problems), 1)
		calls := w.live().Transcript()
		slices.Sort(calls)
		lines(t, "calls", calls, "list stores\nquota")
	})
}

func TestPlanIsHeldToTheQuota(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	st := w.live().Put("prod")
	for i := range 99 {
		w.live().Create(st, fmt.Sprintf("other-%d", i), "theirs", nil, "")
	}
	run := w.lock()
	lines(t, "plan", actions(planned(t, run).Plan), `
		create prod/a new +value
		create prod/b new +value
		problem quota`)
	w.live().Limit = 101
	lines(t, "plan of an account that may have more", actions(planned(t, run).Plan), `
		create prod/a new +value
		create prod/b new +value`)
}

// A quota that cannot be read is an event and does not stop the plan.
func TestQuotaUnread(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	st := w.live().Put("prod")
	for i := range 99 {
		w.live().Create(st, fmt.Sprintf("other-%d", i), "theirs", nil, "")
	}
	w.live().Down("quota")
	run := w.lock()
	equal(t, "problems", planned(t, run).Plan.Problems, []planner.Problem(nil))
	events := w.notified()
	if e, ok := events[0].(QuotaUnread); !ok || len(events) != 1 || e.Account != account || !errors.Is(e.Err, enginetest.ErrDown) {
		t.Errorf("events: %+v", events)
	}

	ctx, cancel := context.WithCancel(t.Context())
	w.live().Before = func(call string) error {
		if call == "quota" {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	if _, err := run.Plan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted meanwhile: %v", err)
	}
	equal(t, "events", w.notified(), []Event(nil))
}

// An offline plan takes the live state from the lockfile, and sends nothing.
func TestOfflinePlan(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.live().Stores = nil
	w.env["A"] = "new"
	for _, api := range []API{w.api, nil} {
		w.api.Default = account
		p := w.plan(Mode{Offline: true}, func(c *Config) { c.API, c.Account = api, string(account) })
		lines(t, "plan", actions(p.Plan), "update prod/a value_changed +value")
		lines(t, "calls", w.live().Transcript(), "")
		if in := p.File().Inputs; !in.Offline || in.LiveDigest != "" {
			t.Errorf("inputs: %+v", in)
		}
	}
}

// An interrupted creation does not exist, according to the lockfile.
func TestAsRecorded(t *testing.T) {
	got := records.AsLive([]planner.RecordedStore{{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{
		{Name: "a", ID: "id1", Scopes: []string{"workers"}, Comment: "c", Modified: "m", Applied: start}, {Name: "b", Pending: &planner.Pending{}},
	}}})
	equal(t, "live", got, []planner.LiveStore{{Key: prod, ID: "st1", Secrets: []planner.LiveSecret{
		{ID: "id1", Name: "a", Scopes: []string{"workers"}, Comment: "c", Status: "active", Modified: "m"},
	}}})
}

func TestPlanWithoutAPI(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	none := func(c *Config) { c.API, c.Account = nil, string(account) }
	if _, err := w.open(none).Plan(t.Context(), Mode{}); !errors.Is(err, ErrNoAPI) {
		t.Errorf("%v", err)
	}
	if _, err := DraftAccount(t.Context(), Config{Account: string(account)}); !errors.Is(err, ErrNoAPI) {
		t.Errorf("a draft: %v", err)
	}
	if now := w.open(none).now(); time.Since(now) > time.Minute {
		t.Errorf("the time: %v", now)
	}
}

// A lockfile of Cloudflare is not used with an emulator, nor the other way round.
func TestOtherAPI(t *testing.T) {
	for _, loopback := range []bool{false, true} {
		w := newWorld(t, two)
		w.env["A"], w.env["B"] = "va", "vb"
		w.api.OnLoopback = loopback
		w.applied()
		w.api.OnLoopback = !loopback
		var wrong *OtherAPIError
		_, err := w.open().Plan(t.Context(), Mode{})
		if !errors.As(err, &wrong) || wrong.Emulator != loopback || wrong.Lockfile != w.path("secretsync.lock") {
			t.Errorf("%v", err)
		}
		want := map[bool]string{
			false: "was written against Cloudflare, and this run talks to an emulator", true: "was written against an emulator, and this run talks to Cloudflare",
		}[loopback]
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v", err)
		}
		if _, err := w.open().Drift(t.Context()); !errors.As(err, &wrong) {
			t.Errorf("drift: %v", err)
		}
		if _, err := w.open().DraftUnmanaged(t.Context()); !errors.As(err, &wrong) {
			t.Errorf("a draft: %v", err)
		}
		if _, err := w.lock().Rekey(t.Context(), ""); !errors.As(err, &wrong) {
			t.Errorf("rekey: %v", err)
		}
		equal(t, "calls", w.live().Transcript(), []string(nil))
		w.plan(Mode{Offline: true}) // allowed, because it sends nothing
	}
}

// The configuration's limits take precedence over the manifest's.
func TestOptions(t *testing.T) {
	w := newWorld(t, "safety: {max_deletes: 0}\n"+two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.manifest("safety: {max_deletes: 0}\nstores: {prod: {secrets: {}}}\n")
	limit := func(n int) func(*Config) { return func(c *Config) { c.MaxDeletes = &n } }
	const actionsThen = "delete prod/a not_in_manifest\nforget prod/b not_in_manifest delete_false\n"
	lines(t, "by the manifest", actions(w.plan(Mode{}).Plan), actionsThen+"problem too_many_deletes")
	lines(t, "by the configuration", actions(w.plan(Mode{}, limit(1)).Plan), actionsThen)
	target := func(c *Config) { c.Targets = []string{"prod/b"} }
	p := w.plan(Mode{}, target)
	lines(t, "with a target", actions(p.Plan), "forget prod/b not_in_manifest delete_false")
	equal(t, "targets of the file", p.File().Inputs.Targets, []string{"prod/b"})
}

// A plan that breaks a Worker's binding is a problem if bindings are strict, by the manifest
// or the configuration; otherwise it is a note.
func TestBindings(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	const gone = "workers: [wrangler.json]\nstores: {prod: {secrets: {b: {from: {env: B}, delete: false}}}}\n"
	w.manifest(gone)
	w.write("wrangler.json", `{"name": "shop", "secrets_store_secrets": [{"binding": "A", "store_id": "st1", "secret_name": "a"}]}`)
	const deletion = "delete prod/a not_in_manifest\n"
	p := w.plan(Mode{})
	lines(t, "plan", actions(p.Plan), deletion)
	if len(p.Plan.Notes) != 1 || p.Plan.Notes[0].Kind != planner.NoteBreaksWorker || p.Plan.Notes[0].Worker != "shop" {
		t.Errorf("notes: %+v", p.Plan.Notes)
	}
	lines(t, "strict", actions(w.plan(Mode{}, func(c *Config) { c.StrictBindings = true }).Plan), deletion+"problem breaks_worker prod/a")

	// A configuration that cannot be read is an event, and a note where something may break.
	w.write("wrangler.json", "{")
	w.notified()
	p = w.plan(Mode{})
	events := w.notified()
	if e, ok := events[0].(BindingsSkipped); !ok || len(events) != 1 || !strings.Contains(e.Mistake.Error(), "wrangler.json") {
		t.Errorf("events: %+v", events)
	}
	if len(p.Plan.Notes) != 1 || p.Plan.Notes[0].Kind != planner.NoteBindingsUnread {
		t.Errorf("notes: %+v", p.Plan.Notes)
	}
	if err := w.open().Check(t.Context()); err == nil || !strings.Contains(err.Error(), "wrangler.json") {
		t.Errorf("check: %v", err)
	}
}

// A plan with fingerprints that were not written by an apply has a problem.
func TestForgedFingerprints(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, b: {from: {sops: values.yaml, key: b}}}}}\n")
	w.write("values.yaml", "a: va n1\nb: vb n1\n")
	w.applied()
	w.forge("a")
	p := w.plan(Mode{})
	equal(t, "problems", p.Plan.Problems, []planner.Problem{{
		Kind: planner.ProblemForged, Pos: planner.Position{File: w.path("secretsync.lock")}, KeyID: testKey.ID(), Secrets: []string{"prod/a"}, Count: 1, Matched: 1,
	}})
}

// forge replaces a fingerprint with another secret's.
func (w *world) forge(name string) {
	w.t.Helper()
	run := w.lock()
	defer run.Close()
	err := run.handle.Update(func(f *lockfile.File) {
		f.Stores[records.LockKey(prod)].Secret(name).Fingerprint = enginetest.Applied("x", 0).Fingerprint
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A plan file describes its inputs.
func TestPlanFileInputs(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	p := w.plan(Mode{Keyless: true})
	first := p.File().Inputs
	equal(t, "manifest", []string{first.Manifest, first.ManifestDigest}, []string{w.path("secretsync.yaml"), p.project.Manifest().Digest})
	if !first.Keyless || first.Offline || first.LockfileDigest != "" || first.LiveDigest != planfile.LiveDigest(nil) {
		t.Errorf("before the first apply: %+v", first)
	}
	w.applied()
	second := w.plan(Mode{}).File().Inputs
	if second.Keyless || !strings.HasPrefix(second.LockfileDigest, "sha256:") || second.LiveDigest == first.LiveDigest {
		t.Errorf("after it: %+v", second)
	}
	w.live().Create(w.live().Stores[0], "theirs", "v", nil, "")
	third := w.plan(Mode{}).File().Inputs
	if third.LockfileDigest != second.LockfileDigest || third.LiveDigest == second.LiveDigest {
		t.Errorf("after a change at the dashboard: %+v", third)
	}
}

func TestDamagedLockfile(t *testing.T) {
	w := newWorld(t, two)
	w.write("secretsync.lock", "{")
	p := w.open()
	_, planErr := p.Plan(t.Context(), Mode{})
	_, driftErr := p.Drift(t.Context())
	_, draftErr := p.DraftUnmanaged(t.Context())
	_, lockErr := p.Lock(t.Context())
	for what, err := range map[string]error{"plan": planErr, "drift": driftErr, "draft": draftErr, "lock": lockErr} {
		if err == nil || !strings.Contains(err.Error(), "secretsync.lock") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The quotas of all accounts are read in one round trip.
func TestQuotasSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, two)
		var accounts []planner.AccountID
		for n := range 20 {
			a := w.api.Add(planner.AccountID(fmt.Sprintf("%032x", n)))
			a.Slow = time.Second
			accounts = append(accounts, a.ID)
		}
		p := w.open()
		begun := time.Now()
		quotas := p.quotas().Of(t.Context(), accounts).Quotas
		equal(t, "quotas", len(quotas), 20)
		equal(t, "time", time.Since(begun), time.Second)
	})
}
