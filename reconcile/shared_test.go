package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

const shared = "lockfile: s3://bucket/team/a.lock\n" + two

// machine is another machine with the same manifest: it shares the account and the bucket only.
func (w *world) machine(manifest string) *world {
	o := newWorld(w.t, manifest)
	o.api, o.env, o.store = w.api, w.env, w.store
	return o
}

func TestSharedLockfile(t *testing.T) {
	store := new(objectstoretest.Memory)
	one := newWorld(t, shared)
	one.store = store
	one.env["A"], one.env["B"] = "va", "vb"
	if report := one.apply(); !report.Complete() || len(report.Results) != 3 {
		t.Fatalf("%+v", report)
	}
	if _, err := os.Stat(one.path("secretsync.lock")); err == nil {
		t.Error("there is a lockfile on this machine")
	}
	two := one.machine(shared)
	one.live().Transcript()
	if report := two.apply(); len(report.Results) != 0 {
		t.Errorf("another machine repeats it: %+v", report.Results)
	}
	lines(t, "calls of another machine", two.live().Transcript(), "list secrets st1")
	store.Requests()
	plan, err := two.open().Plan(t.Context(), Mode{})
	if err != nil || len(plan.Plan.Actions) != 0 {
		t.Errorf("%v, %v", plan, err)
	}
	equal(t, "requests of a plan", store.Requests(), map[string]int{"GET": 1})
	run, err := two.open().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	// The lockfile is read before and under the lease; the probe, acquiring and releasing it.
	equal(t, "requests of the lock", store.Requests(), map[string]int{"GET": 3, "PUT": 4})
}

func TestLeaseHeld(t *testing.T) {
	store := new(objectstoretest.Memory)
	one, two := newWorld(t, "lease: s3://bucket/team\n"+two), newWorld(t, "lease: s3://bucket/team\n"+two)
	one.store, two.store = store, store
	run, err := one.open().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = two.open().Lock(t.Context())
	if !errors.As(err, new(*LeaseHeldError)) || !strings.Contains(err.Error(), "is held by") || !strings.Contains(err.Error(), "secretsync.yaml:2:8") {
		t.Errorf("two machines hold it: %v", err)
	}
	run.Close()
	again, err := two.open().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// While a lease is waited for, its holder is shown, without how long the wait had lasted at its beginning.
func TestLeaseWaitsNameTheHolder(t *testing.T) {
	var events []Event
	p := &Project{cfg: Config{Notify: func(e Event) { events = append(events, e) }}.withDefaults()}
	waiting, end := p.leaseWaits()
	waiting(&lease.HeldError{Address: "s3://bucket/prod", Waited: 52 * time.Millisecond})
	end()
	w, ok := events[0].(Waiting)
	if !ok || w.For != WaitLease || !strings.Contains(w.Held.Error(), "s3://bucket/prod is held by") || strings.Contains(w.Held.Error(), "waited") {
		t.Errorf("%+v", events[0])
	}
	if diff := cmp.Diff(Event(WaitEnded{For: WaitLease}), events[1]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLeaseDuration(t *testing.T) {
	for given, want := range map[time.Duration]string{0: `"duration": "1m0s"`, 30 * time.Second: `"duration": "30s"`} {
		w, store := newWorld(t, "lease: s3://bucket/team\n"+two), new(objectstoretest.Memory)
		w.store = store
		run, err := w.open(func(c *Config) { c.LeaseDuration = given }).Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held, err := store.Get(t.Context(), lease.Key(string(account), "prod"))
		if err != nil || !strings.Contains(string(held.Data), want) {
			t.Errorf("%s: %v, %s", given, err, held.Data)
		}
		run.Close()
	}
}

func TestOlderLockfile(t *testing.T) {
	store := new(objectstoretest.Memory)
	w := newWorld(t, "lease: s3://bucket/team\n"+two)
	w.store = store
	w.env["A"], w.env["B"] = "va", "vb"
	w.apply()
	before, err := os.ReadFile(w.path("secretsync.lock"))
	if err != nil {
		t.Fatal(err)
	}
	w.env["A"] = "va2"
	w.apply()
	equal(t, "generation", w.disk().Shared.Generation, 2)
	w.write("secretsync.lock", string(before)) // a branch that lacks the last merge
	_, err = w.open().Lock(t.Context())
	older, ok := errors.AsType[*OlderLockfileError](err)
	if !ok || older.Generation != 1 || older.Applied != 2 || older.Host == "" {
		t.Fatalf("%v", err)
	}
	free, err := lease.Acquire(t.Context(), store, []string{lease.Key(string(account), "prod")}, lease.Options{})
	if err != nil {
		t.Fatalf("the lease is not free after that: %v", err)
	}
	if err := free.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// A run that loses its lease sends nothing more, and says so.
func TestLeaseLostDuringApply(t *testing.T) {
	for _, manifest := range []string{shared, "lease: s3://bucket/team\n" + two} {
		store := new(objectstoretest.Memory)
		w := newWorld(t, manifest)
		w.store = store
		w.env["A"], w.env["B"] = "va", "vb"
		run, err := w.open(func(c *Config) { c.LeaseDuration = lease.MinDuration }).Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := run.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.live().Transcript()
		w.live().Before = func(call string) error {
			if strings.HasPrefix(call, "create store") {
				breakLease(t, store, lease.Key(string(account), "prod"))
				<-run.shared.leases.Done()
			}
			return nil
		}
		report, err := run.Apply(t.Context(), plan)
		if !errors.As(err, new(*LeaseLostError)) || report.Complete() {
			t.Errorf("%v, %+v", err, report)
		}
		for _, r := range report.Results {
			if r.Action.Secret != "" && r.Outcome != applier.Skipped && r.Outcome != applier.Failed {
				t.Errorf("%s: %s", r.Action.Secret, r.Outcome)
			}
		}
		lines(t, "calls", w.live().Transcript(), "create store prod")
		w.notified()
		run.Close()
		events := w.notified()
		if len(events) != 1 || hint.Of(events[0].(LeaseNotReleased).Err) != "the lease is free once its duration has passed" {
			t.Errorf("events: %+v", events)
		}
	}
}

func breakLease(t *testing.T, store objectstore.Store, key string) {
	status, err := lease.ReadStatus(t.Context(), store, key)
	if err == nil {
		err = lease.Break(t.Context(), store, status, "another host")
	}
	if err != nil {
		t.Error(err)
	}
}

func TestSharedMistakes(t *testing.T) {
	for manifest, want := range map[string]string{
		"lockfile: s3://bucket\n":              "names no object",
		"lockfile: s3://bucket/team/\n":        "names no object",
		"lockfile: s3://bucket/other/a.lock\n": "secretsync.yaml:2:11: s3://bucket/other is another place",
		"lease: s3://bucket/else\n":            "secretsync.yaml:2:8: s3://bucket/else is another place",
	} {
		w := newWorld(t, manifest+two)
		w.store = new(objectstoretest.Memory)
		w.env["A"], w.env["B"] = "va", "vb"
		p, err := Open(t.Context(), w.config())
		if err == nil {
			_, err = p.Lock(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", manifest, err)
		}
	}
	w := newWorld(t, shared)
	none := func(c *Config) { c.Objects = nil }
	if _, err := w.open(none).ReadLockfile(t.Context()); err == nil || !strings.Contains(err.Error(), "opens no object stores") {
		t.Error(err)
	}
}

// Another run adds a store to the lockfile while this one waits for the leases that it knows.
func TestSharedLockfileGrows(t *testing.T) {
	store := new(objectstoretest.Memory)
	more := strings.Replace(two, "  prod:\n", "  prod:\n    create: true\n", 1) + "  second:\n    create: true\n    secrets: {c: {from: {env: A}}}\n"
	one := newWorld(t, "lockfile: s3://bucket/team/a.lock\n"+more)
	one.store = store
	one.env["A"], one.env["B"] = "va", "vb"
	waiting := make(chan *Run)
	small := one.machine(shared)
	run, err := one.open().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		r, err := small.open(func(c *Config) { c.LockTimeout = time.Minute }).Lock(context.Background())
		if err != nil {
			t.Error(err)
		}
		waiting <- r
	}()
	plan, err := run.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	run.Close()
	second := <-waiting
	defer second.Close()
	_, err = lease.Acquire(t.Context(), store, []string{lease.Key(string(account), "second")}, lease.Options{})
	if !errors.As(err, new(*lease.HeldError)) {
		t.Errorf("it does not hold the lease of the store that was added: %v", err)
	}
}

// TestSharedTime measures, in fake time, what leases and a lockfile in a bucket add to runs on 50 secrets,
// and compares it with the table of docs/shared.md: how many requests a run waits for one after another.
func TestSharedTime(t *testing.T) {
	page, err := os.ReadFile("../docs/shared.md")
	if err != nil {
		t.Fatal(err)
	}
	alone := sharedTimes(t, "")
	leases, lockfiles := sharedTimes(t, "lease: s3://bucket/team\n"), sharedTimes(t, "lockfile: s3://bucket/team/a.lock\n")
	for row, without := range alone {
		_, rest, found := strings.Cut(string(page), "\n| "+row+" | ")
		line, _, _ := strings.Cut(rest, " |\n")
		cells := strings.Split(line, " | ")
		got := fmt.Sprintf("%d or %d", (leases[row]-without)/latency, (lockfiles[row]-without)/latency)
		if !found || cells[len(cells)-1] != got {
			t.Errorf("%s: the page has %q, want %q", row, line, got)
		}
	}
	// The figures of the page's text.
	noop := "`apply` with nothing to do"
	equal(t, "what a lease adds", leases[noop]-alone[noop], 150*time.Millisecond)
	equal(t, "what a lockfile adds", lockfiles[noop]-alone[noop], 250*time.Millisecond)
}

// latency is how long a request to the bucket takes.
const latency = 50 * time.Millisecond

// sharedTimes returns how long runs take, by the rows of the page.
func sharedTimes(t *testing.T, where string) map[string]time.Duration {
	times := map[string]time.Duration{}
	synctest.Test(t, func(t *testing.T) {
		manifest := where + "stores:\n  prod:\n    secrets:\n      first: {from: {env: FIRST}}\n"
		w := newWorld(t, manifest)
		w.store = &objectstoretest.Faulty{Store: new(objectstoretest.Memory), Before: func(context.Context, string, string) error {
			time.Sleep(latency)
			return nil
		}}
		w.env["FIRST"], w.env["A"] = "v1", "va"
		w.live().Slow = 4 * latency
		w.applied() // and the probe's object exists
		var b strings.Builder
		for i := range 50 {
			fmt.Fprintf(&b, "      s%d: {from: {env: A}}\n", i)
		}
		w.manifest(manifest + b.String())
		side := func(c *Config) { c.Parallelism = 50 }
		measure := func(row string, changes int, do func(*Project) (changed int, err error)) {
			begun := time.Now()
			n, err := do(w.open(side))
			if err != nil || n != changes {
				t.Errorf("%s: %d changes, error %v; want %d", row, n, err, changes)
			}
			took := time.Since(begun)
			if earlier, ok := times[row]; ok && took != earlier {
				t.Errorf("%s: %s, and %s", row, earlier, took)
			}
			times[row] = took
		}
		measure("`apply` that creates up to 50 secrets", 50, applyProject)
		measure("`apply` with nothing to do", 0, applyProject)
		measure("`plan`, `drift`", 0, func(p *Project) (int, error) {
			plan, err := p.Plan(t.Context(), Mode{})
			if err != nil {
				return 0, err
			}
			defer plan.Close()
			return len(plan.Plan.Actions), nil
		})
		measure("`plan`, `drift`", 0, func(p *Project) (int, error) {
			found, err := p.Drift(t.Context())
			if err != nil {
				return 0, err
			}
			return len(found.Findings), nil
		})
		w.env["A"] = "vb"
		measure("`apply` that changes 50 secrets", 50, applyProject)
	})
	return times
}

// applyProject applies a project, and returns how many changes it made.
func applyProject(p *Project) (int, error) {
	run, err := p.Lock(context.Background())
	if err != nil {
		return 0, err
	}
	defer run.Close()
	plan, err := run.Plan(context.Background())
	if err != nil {
		return 0, err
	}
	defer plan.Close()
	report, err := run.Apply(context.Background(), plan)
	return len(report.Results), err
}
