package records_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// What the tests of the engine's packages share, by short names.
var (
	start     = enginetest.Start
	prod      = enginetest.Prod
	applied   = enginetest.Applied
	pending   = enginetest.Pending
	on        = enginetest.On
	withValue = enginetest.WithValue
	equal     = enginetest.Equal
	lines     = enginetest.Lines
)

// journaled is a journal of a lockfile in a folder.
type journaled struct {
	*records.Journal
	t     *testing.T
	path  string
	clock time.Time
}

// newJournaled has a lockfile with the secrets; a, b and new have new values.
func newJournaled(t *testing.T, recorded map[string]lockfile.Secret) *journaled {
	t.Helper()
	j := &journaled{t: t, path: t.TempDir() + "/secretsync.lock", clock: start}
	h, err := lockfile.Open(t.Context(), j.path, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	j.Journal = &records.Journal{
		Handle: h, API: lockfile.APILoopback, Key: lockfile.Key{ID: enginetest.Key.ID()}, FingerprintKey: enginetest.Key,
		Wants:       map[planner.SecretKey]records.Want{},
		StorePolicy: map[planner.StoreKey]bool{prod: true},
		Now:         func() time.Time { return j.clock }, Timeout: 30 * time.Second,
	}
	for _, name := range []string{"a", "b", "new"} {
		j.Wants[prod.Secret(name)] = records.Want{Value: secret.New([]byte("new")), Source: "env NEW", Ciphertext: manifest.Ciphertext{Digest: enginetest.Digest(2), File: "values.yaml"}, Delete: true}
	}
	err = j.Write(func(f *lockfile.File) {
		st := f.PutStore(records.LockKey(prod), "st1")
		for name, sec := range recorded {
			st.PutSecret(name, sec)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (j *journaled) record(e applier.Entry) {
	j.t.Helper()
	if err := j.Record(e); err != nil {
		j.t.Fatal(err)
	}
}

func (j *journaled) intent(a planner.Action) {
	j.t.Helper()
	j.record(applier.Entry{Kind: applier.EntryIntent, Actions: []planner.Action{a}})
}

func (j *journaled) outcome(r applier.Result) {
	j.t.Helper()
	j.record(applier.Entry{Kind: applier.EntryOutcome, Results: []applier.Result{r}})
}

// records describes the lockfile on disk.
func (j *journaled) records() []string {
	j.t.Helper()
	f, err := lockfile.Read(j.path)
	if err != nil {
		j.t.Fatal(err)
	}
	return enginetest.Records(f, "old", "new")
}

func withMetadata(a planner.Action, comment string, scopes ...string) planner.Action {
	a.Scopes, a.Comment = &planner.Change[[]string]{After: scopes}, &planner.Change[string]{After: comment}
	return a
}

func proven(a planner.Action) planner.Action {
	a.Proven = true
	return a
}

// TestJournal follows each operation from its intent to every outcome, ten seconds later.
// After a write that failed or was not tried, the records are as before the intent. After an
// unknown outcome, the intent stays.
func TestJournal(t *testing.T) {
	anHour := map[string]lockfile.Secret{"a": applied("a", time.Hour)}
	const a = "a id-a from=env_OLD value=old digest=1 scopes=workers comment=c1 modified=m1 applied=-1h0m0s"
	rename := on(planner.OpRename, "b", planner.ReasonRenamed)
	rename.From, rename.ID = "a", "id-a"
	for _, tt := range []struct {
		name                 string
		recorded             map[string]lockfile.Secret
		action               planner.Action
		live                 planner.LiveSecret
		before, intent, done string
	}{
		{
			name:   "create",
			action: withMetadata(withValue(on(planner.OpCreate, "new", planner.ReasonNew)), "c2", "access", "workers"),
			live:   planner.LiveSecret{ID: "id-new", Modified: "m2", Scopes: []string{"workers", "access"}, Comment: "c2"},
			intent: "new from=env_NEW scopes=access,workers comment=c2 delete pending=create since=0s until=30s listed=-1s +value",
			done:   "new id-new from=env_NEW value=new digest=2 scopes=access,workers comment=c2 modified=m2 applied=10s delete",
		},
		{
			name: "create again", recorded: anHour,
			action: withMetadata(withValue(on(planner.OpCreate, "a", planner.ReasonDeletedOutside)), "c2", "access"),
			live:   planner.LiveSecret{ID: "id-new", Modified: "m2", Comment: "c2"}, // the scopes not reported
			before: a,
			intent: "a from=env_NEW scopes=access comment=c2 delete pending=create since=0s until=30s listed=-1s previous=id-a +value",
			done:   "a id-new from=env_NEW value=new digest=2 scopes=access comment=c2 modified=m2 applied=10s delete",
		},
		{
			name: "update of the value", recorded: anHour,
			action: withValue(on(planner.OpUpdate, "a", planner.ReasonValue)),
			live:   planner.LiveSecret{ID: "id-a", Modified: "m2", Comment: "c1"},
			before: a, intent: a + " pending=update since=0s until=30s listed=-1s +value",
			done: "a id-a from=env_NEW value=new digest=2 scopes=workers comment=c1 modified=m2 applied=10s delete",
		},
		{
			name: "update of metadata", recorded: anHour, // the fingerprint is that of the live value
			action: withMetadata(on(planner.OpUpdate, "a", planner.ReasonScopes), "c2", "access"),
			live:   planner.LiveSecret{ID: "id-a", Modified: "m2", Comment: "c2", Scopes: []string{"access"}},
			before: a, intent: a + " pending=update since=0s until=30s listed=-1s",
			done: "a id-a from=env_NEW value=old digest=1 scopes=access comment=c2 modified=m2 applied=-1h0m0s delete",
		},
		{
			name: "rotate", recorded: anHour,
			action: withValue(on(planner.OpRotate, "a", planner.ReasonRotationDue)),
			live:   planner.LiveSecret{ID: "id-a", Modified: "m2", Comment: "c1"},
			before: a, intent: a + " pending=rotate since=0s until=30s listed=-1s +value",
			done: "a id-a from=env_NEW value=new digest=2 scopes=workers comment=c1 modified=m2 applied=10s delete",
		},
		{
			name:   "adopt",
			action: withMetadata(withValue(on(planner.OpAdopt, "new", planner.ReasonAdopted)), "c2", "access"),
			live:   planner.LiveSecret{ID: "id-9", Modified: "m2", Comment: "c2", Scopes: []string{"access"}},
			intent: "new from=env_NEW scopes=access comment=c2 delete pending=adopt since=0s until=30s listed=-1s +value",
			done:   "new id-9 from=env_NEW value=new digest=2 scopes=access comment=c2 modified=m2 applied=10s delete",
		},
		{
			name: "rename", recorded: anHour, // the value keeps its age
			action: withMetadata(rename, "c1", "workers"),
			live:   planner.LiveSecret{ID: "id-b", Modified: "m2", Comment: "c1", Scopes: []string{"workers"}},
			before: a,
			intent: a + " pending=rename since=0s until=30s listed=-1s\n" +
				"b from=env_NEW scopes=workers comment=c1 delete pending=rename since=0s until=30s listed=-1s",
			done: "b id-b from=env_NEW value=new digest=2 scopes=workers comment=c1 modified=m2 applied=-1h0m0s delete",
		},
		{
			name: "delete", recorded: anHour,
			action: on(planner.OpDelete, "a", planner.ReasonNotDesired),
			before: a, intent: a + " pending=delete since=0s until=30s listed=-1s",
		},
		{
			name:   "delete of what is not recorded",
			action: on(planner.OpDelete, "theirs", planner.ReasonUnmanaged),
			intent: "theirs pending=delete since=0s until=30s listed=-1s",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for outcome, want := range map[applier.Outcome]string{
				applier.Done: tt.done, applier.Unknown: tt.intent, applier.Failed: tt.before, applier.Skipped: tt.before,
			} {
				j := newJournaled(t, tt.recorded)
				lines(t, "before", j.records(), "prod st1\n"+tt.before)
				j.intent(tt.action)
				lines(t, "after the intent", j.records(), "prod st1\n"+tt.intent)
				j.clock = start.Add(10 * time.Second)
				r := applier.Result{Action: tt.action, Outcome: outcome}
				if outcome == applier.Done {
					r.Live = tt.live
				}
				j.outcome(r)
				lines(t, "after the outcome "+string(outcome), j.records(), "prod st1\n"+want)
			}
		})
	}
}

// Actions that change only the lockfile have no intent.
func TestJournalWithoutIntent(t *testing.T) {
	anHour := map[string]lockfile.Secret{"a": applied("a", time.Hour)}
	sameValue, generated, accepted := applied("a", time.Hour), applied("a", time.Hour), applied("a", time.Hour)
	sameValue.Fingerprint = enginetest.Key.Fingerprint(records.Subject(prod.Secret("a")), secret.New([]byte("new")))
	generated.Source, generated.Ciphertext, generated.Accepted = "generate uuid", "", start
	accepted.Accepted = start
	for _, tt := range []struct {
		name     string
		recorded map[string]lockfile.Secret
		action   planner.Action
		want     string
	}{
		{"forget", anHour, on(planner.OpForget, "a", planner.ReasonNotDesired), ""},
		{"forget what is not recorded", nil, on(planner.OpForget, "a"), ""},
		{
			"record", anHour, on(planner.OpRecord, "a", planner.ReasonPolicy),
			"a id-a from=env_OLD value=old digest=1 scopes=workers comment=c1 modified=m1 applied=-1h0m0s delete",
		},
		{
			"adopt as it is", nil, on(planner.OpAdopt, "a", planner.ReasonAdoptedKept),
			"a id-9 from=env_NEW value=new digest=2 scopes=access comment=theirs modified=m9 applied=0s delete",
		},
		{
			"adopt what is proven", nil, proven(on(planner.OpAdopt, "a", planner.ReasonAdoptedProven)),
			"a id-9 from=env_NEW value=new digest=2 scopes=access comment=theirs modified=m9 applied=0s delete",
		},
		{
			"record a proven value, which is the recorded one: it keeps its age", map[string]lockfile.Secret{"a": sameValue},
			proven(on(planner.OpRecord, "a", planner.ReasonChangedOutside, planner.ReasonProven)),
			"a id-9 from=env_NEW value=new digest=1 scopes=access comment=theirs modified=m9 applied=-1h0m0s delete",
		},
		{
			"record a proven value, which is new", map[string]lockfile.Secret{"a": accepted},
			proven(on(planner.OpRecord, "a", planner.ReasonProven)),
			"a id-9 from=env_NEW value=new digest=2 scopes=access comment=theirs modified=m9 applied=0s delete",
		},
		{
			"record a proven value that was generated", map[string]lockfile.Secret{"generated": generated},
			proven(on(planner.OpRecord, "generated", planner.ReasonChangedOutside, planner.ReasonProven)),
			"generated id-9 from=generate_uuid value=? scopes=access comment=theirs modified=m9 applied=-1h0m0s delete",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournaled(t, tt.recorded)
			j.Wants[prod.Secret("generated")] = records.Want{Source: "generate uuid", Delete: true}
			j.outcome(applier.Result{
				Action: tt.action, Outcome: applier.Done,
				Live: planner.LiveSecret{ID: "id-9", Name: tt.action.Secret, Scopes: []string{"access"}, Comment: "theirs", Modified: "m9"},
			})
			lines(t, "records", j.records(), "prod st1\n"+tt.want)
			f, err := lockfile.Read(j.path)
			if err != nil {
				t.Fatal(err)
			}
			if r := records.Find(f, prod.Secret(tt.action.Secret)); r != nil && !r.Accepted.IsZero() {
				t.Errorf("the value still counts as not known since %s", r.Accepted)
			}
		})
	}
}

// A generated value has no fingerprint: only Cloudflare has it.
func TestJournalOfAGeneratedValue(t *testing.T) {
	j := newJournaled(t, map[string]lockfile.Secret{"a": {ID: "id-a", Source: "generate uuid", Applied: start.Add(-time.Hour)}})
	j.Wants[prod.Secret("b")] = records.Want{Source: "generate uuid"}
	rename := withMetadata(on(planner.OpRename, "b"), "c1", "workers")
	rename.From = "a"
	j.intent(rename)
	j.outcome(applier.Result{Action: rename, Outcome: applier.Done, Live: planner.LiveSecret{ID: "id-b", Modified: "m2", Comment: "c1"}})
	lines(t, "records", j.records(), "prod st1\nb id-b from=generate_uuid scopes=workers comment=c1 modified=m2 applied=-1h0m0s")
}

// The age of a renamed secret is unknown if its previous name has no record.
func TestJournalOfARenameWithoutItsPreviousName(t *testing.T) {
	j := newJournaled(t, nil)
	rename := withMetadata(on(planner.OpRename, "b"), "c1", "workers")
	rename.From = "a"
	j.intent(rename)
	lines(t, "after the intent", j.records(), `prod st1
		b from=env_NEW scopes=workers comment=c1 delete pending=rename since=0s until=30s listed=-1s`)
	j.outcome(applier.Result{Action: rename, Outcome: applier.Done, Live: planner.LiveSecret{ID: "id-b", Modified: "m2", Comment: "c1"}})
	lines(t, "after the outcome", j.records(), "prod st1\nb id-b from=env_NEW value=new digest=2 scopes=workers comment=c1 modified=m2 delete")
}

// TestRequestedValue: the intent to create a secret has the fingerprint and the ciphertext of its
// value, so that a later plan knows the requested value. A generated value has neither, because
// another one would be generated.
func TestRequestedValue(t *testing.T) {
	value := secret.New([]byte("new"))
	for name, tt := range map[string]struct {
		op      planner.Op
		want    records.Want
		matches bool
	}{
		"create":            {planner.OpCreate, records.Want{Value: value, Ciphertext: manifest.Ciphertext{Digest: enginetest.Digest(2)}}, true},
		"create, generated": {planner.OpCreate, records.Want{Value: value, Generate: func() secret.Value { return value }}, false},
		"create, no value":  {planner.OpCreate, records.Want{}, false},
		"update":            {planner.OpUpdate, records.Want{Value: value}, false},
	} {
		j := newJournaled(t, map[string]lockfile.Secret{"a": applied("a", time.Hour)})
		j.Wants[prod.Secret("a")] = tt.want
		j.intent(withMetadata(withValue(on(tt.op, "a")), "c1", "workers"))
		f, err := lockfile.Read(j.path)
		if err != nil {
			t.Fatal(err)
		}
		p := records.Find(f, prod.Secret("a")).Pending
		if got := enginetest.Key.Matches(p.Fingerprint, records.Subject(prod.Secret("a")), value); got != tt.matches || (p.Fingerprint != "") != tt.matches {
			t.Errorf("%s: fingerprint %q", name, p.Fingerprint)
		}
		equal(t, name+": ciphertext", p.Ciphertext, tt.want.Ciphertext.Digest)
	}
}

// TestUnknownRename: the outcome has the id of the duplicate, which the entry about the duplicate
// may not have recorded.
func TestUnknownRename(t *testing.T) {
	for name, tt := range map[string]struct {
		op       planner.Op
		live     planner.SecretID
		previous lockfile.SecretID
	}{
		"a rename with a duplicate": {planner.OpRename, "id-b", "id-b"},
		"a rename without one":      {planner.OpRename, "", ""},
		"an update":                 {planner.OpUpdate, "id-b", ""},
	} {
		j := newJournaled(t, map[string]lockfile.Secret{"b": applied("b", time.Hour)})
		a := withMetadata(on(tt.op, "b"), "c1", "workers")
		j.intent(a)
		j.outcome(applier.Result{Action: a, Outcome: applier.Unknown, Live: planner.LiveSecret{ID: tt.live}})
		f, err := lockfile.Read(j.path)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, records.Find(f, prod.Secret("b")).Pending.PreviousID, tt.previous)
	}
}

// TestRecordAfterAReplacement: another program replaced the lockfile. When entries are recorded
// together, the outcomes of requests that were sent are saved beside it. The intents of others are
// not saved, because they are no longer sent. The caller's entries do not change.
func TestRecordAfterAReplacement(t *testing.T) {
	j := newJournaled(t, nil)
	created := withMetadata(withValue(on(planner.OpCreate, "a")), "c1", "workers")
	j.intent(created)
	if err := os.WriteFile(j.path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries := []applier.Entry{
		{Kind: applier.EntryIntent, Actions: []planner.Action{on(planner.OpCreate, "new")}},
		{Kind: applier.EntryOutcome, Results: []applier.Result{{Action: created, Outcome: applier.Done, Live: planner.LiveSecret{ID: "id-a"}}}},
	}
	var replaced *lockfile.ReplacedError
	if err := j.Record(entries...); !errors.As(err, &replaced) {
		t.Fatalf("the error is %v", err)
	}
	if entries[0].Kind != applier.EntryIntent || entries[1].Kind != applier.EntryOutcome {
		t.Errorf("the entries are now %v", entries)
	}
	data, err := os.ReadFile(replaced.Saved)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lockfile.Parse(replaced.Saved, data)
	if err != nil {
		t.Fatal(err)
	}
	if a := records.Find(f, prod.Secret("a")); a == nil || a.ID != "id-a" || a.Pending != nil || records.Find(f, prod.Secret("new")) != nil {
		t.Errorf("saved:\n%s", data)
	}
}

// TestJournalOfStores has no intents: a created store is found by its name.
func TestJournalOfStores(t *testing.T) {
	second := planner.StoreKey{Account: enginetest.DefaultAccount, Name: "second"}
	createStore := planner.Action{Op: planner.OpCreateStore, Store: second}
	policy := planner.Action{Op: planner.OpRecord, Store: prod, StoreID: "st1"}
	again := planner.Action{Op: planner.OpCreateStore, Store: prod}
	deleteStore := planner.Action{Op: planner.OpDeleteStore, Store: prod, StoreID: "st1"}
	for _, tt := range []struct {
		name   string
		result applier.Result
		want   string
	}{
		{"created", applier.Result{Action: createStore, Outcome: applier.Done, StoreID: "st2"}, "prod st1\nsecond st2"},
		{"not created", applier.Result{Action: createStore, Outcome: applier.Failed}, "prod st1"},
		{"perhaps created", applier.Result{Action: createStore, Outcome: applier.Unknown}, "prod st1"},
		{"created again", applier.Result{Action: again, Outcome: applier.Done, StoreID: "st7"}, "prod st7 delete"},
		{"policy changed", applier.Result{Action: policy, Outcome: applier.Done}, "prod st1 delete"},
		{"deleted", applier.Result{Action: deleteStore, Outcome: applier.Done}, ""},
		{"not deleted", applier.Result{Action: deleteStore, Outcome: applier.Failed}, "prod st1"},
		{"perhaps deleted", applier.Result{Action: deleteStore, Outcome: applier.Unknown}, "prod st1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournaled(t, nil)
			j.outcome(tt.result)
			lines(t, "records", j.records(), tt.want)
		})
	}
}

// TestCarryOver: what an earlier apply left unfinished, or wrote moments ago, may appear
// late. The new intent remembers enough to recognise it.
func TestCarryOver(t *testing.T) {
	fiveMinutes := 5 * time.Minute
	unfinished := func(op planner.Op, previous lockfile.SecretID) lockfile.Pending {
		return lockfile.Pending{
			Op: string(op), Since: start.Add(-fiveMinutes), Until: start.Add(-fiveMinutes + time.Minute),
			ListedAt: start.Add(-fiveMinutes - time.Second), PreviousID: previous, Value: true,
		}
	}
	withID := func(a planner.Action) planner.Action { a.ID = "id-live"; return a }
	noID := lockfile.Secret{Source: "env OLD", Scopes: []string{"workers"}}
	interrupted, changed := planner.ReasonInterrupted, planner.ReasonChangedOutside
	for _, tt := range []struct {
		name     string
		recorded lockfile.Secret
		action   planner.Action
		want     string
	}{
		{
			"created again within the lag of lists: a secret of that time is ours too",
			applied("a", planner.ListLag-time.Second), on(planner.OpCreate, "a", planner.ReasonDeletedOutside),
			"a from=env_NEW delete pending=create since=-9m59s until=30s listed=-1s previous=id-a",
		},
		{
			"created again after the lag of lists",
			applied("a", planner.ListLag), on(planner.OpCreate, "a", planner.ReasonDeletedOutside),
			"a from=env_NEW delete pending=create since=0s until=30s listed=-1s previous=id-a",
		},
		{
			"created again, and nothing known of the earlier write",
			noID, on(planner.OpCreate, "a", planner.ReasonNew),
			"a from=env_NEW delete pending=create since=0s until=30s listed=-1s",
		},
		{
			"creation that was interrupted twice",
			pending(noID, unfinished(planner.OpCreate, "id-first")), on(planner.OpCreate, "a", interrupted),
			"a from=env_NEW delete pending=create since=-5m0s until=30s listed=-1s previous=id-first",
		},
		{
			"creation after an interrupted update: the secret itself is the previous one",
			pending(applied("a", time.Hour), unfinished(planner.OpUpdate, "id-first")), on(planner.OpCreate, "a", interrupted),
			"a from=env_NEW delete pending=create since=-5m0s until=30s listed=-1s previous=id-a",
		},
		{
			"completion of an interrupted creation: its id is known now",
			pending(noID, unfinished(planner.OpCreate, "")), withID(on(planner.OpUpdate, "a", interrupted)),
			"a id-live from=env_OLD scopes=workers pending=update since=-5m0s until=30s listed=-5m1s",
		},
		{
			"update after another client's: only the new request counts",
			pending(applied("a", time.Hour), unfinished(planner.OpUpdate, "id-first")), withID(on(planner.OpUpdate, "a", changed)),
			"a id-a from=env_OLD value=old digest=1 scopes=workers comment=c1 modified=m1 applied=-1h0m0s" +
				" pending=update since=0s until=30s listed=-1s previous=id-first",
		},
		{
			"update of another client's secret: its id is not taken over before that is done",
			noID, withID(on(planner.OpUpdate, "a", changed)),
			"a from=env_OLD scopes=workers pending=update since=0s until=30s listed=-1s",
		},
		{
			"adoption of the duplicate that an interrupted rename left: still a rename",
			pending(noID, unfinished(planner.OpRename, "")), withID(on(planner.OpAdopt, "a", interrupted)),
			"a id-live from=env_OLD scopes=workers pending=rename since=0s until=30s listed=-1s",
		},
		{
			"adoption of another client's secret",
			pending(noID, unfinished(planner.OpRename, "")), withID(on(planner.OpAdopt, "a", planner.ReasonAdopted)),
			"a from=env_OLD scopes=workers pending=adopt since=0s until=30s listed=-1s",
		},
		{
			"deletion of what an interrupted creation left",
			pending(noID, unfinished(planner.OpCreate, "")), withID(on(planner.OpDelete, "a", planner.ReasonNotDesired)),
			"a id-live from=env_OLD scopes=workers pending=delete since=0s until=30s listed=-1s",
		},
		{
			"the same, by destroy",
			pending(noID, unfinished(planner.OpCreate, "")), withID(on(planner.OpDelete, "a", planner.ReasonDestroy)),
			"a id-live from=env_OLD scopes=workers pending=delete since=0s until=30s listed=-1s",
		},
		{
			"an id that is known is not replaced",
			applied("a", time.Hour), withID(on(planner.OpDelete, "a", planner.ReasonNotDesired)),
			"a id-a from=env_OLD value=old digest=1 scopes=workers comment=c1 modified=m1 applied=-1h0m0s" +
				" pending=delete since=0s until=30s listed=-1s",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournaled(t, map[string]lockfile.Secret{"a": tt.recorded})
			before := j.records()
			j.intent(tt.action)
			lines(t, "after the intent", j.records(), "prod st1\n"+tt.want)
			j.outcome(applier.Result{Action: tt.action, Outcome: applier.Failed})
			equal(t, "after a failure", j.records(), before)
		})
	}
}

// A request that waited, such as for the rate limit, ends later than recorded.
func TestResend(t *testing.T) {
	j := newJournaled(t, nil)
	create := withMetadata(on(planner.OpCreate, "new"), "c", "workers")
	j.intent(create)
	j.clock = start.Add(time.Minute)
	resend := func(actions ...planner.Action) {
		j.record(applier.Entry{Kind: applier.EntryResend, Actions: actions})
	}
	resend(create, on(planner.OpCreate, "never-intended"))
	const want = "prod st1\nnew from=env_NEW scopes=workers comment=c delete pending=create since=0s until=1m30s listed=-1s"
	lines(t, "records", j.records(), want)

	elsewhere := create
	elsewhere.Store.Name = "elsewhere"
	resend(elsewhere)
	lines(t, "after one in a store without records", j.records(), want)

	j.outcome(applier.Result{Action: create, Outcome: applier.Done, Live: planner.LiveSecret{ID: "id-new"}})
	done := j.records()
	j.clock = start.Add(time.Hour)
	resend(create)
	equal(t, "after one that is done", j.records(), done)
}

// A secret that becomes active has another modified time, which is our own doing.
func TestActive(t *testing.T) {
	pending := applied("a", time.Hour)
	pending.Status = lockfile.StatusPending
	j := newJournaled(t, map[string]lockfile.Secret{"a": pending})
	active := func(name string, store planner.StoreKey) applier.Result {
		a := on(planner.OpUpdate, name)
		a.Store = store
		return applier.Result{Action: a, Outcome: applier.Done, Live: planner.LiveSecret{Modified: "m3"}}
	}
	j.record(applier.Entry{Kind: applier.EntryActive, Results: []applier.Result{
		active("a", prod), active("gone", prod), active("a", planner.StoreKey{Account: enginetest.DefaultAccount, Name: "gone"}),
	}})
	lines(t, "records", j.records(), `prod st1
		a id-a from=env_OLD value=old digest=1 scopes=workers comment=c1 modified=m3 applied=-1h0m0s`)
}

// Every write records the kind of API and the key of the records.
func TestJournalNamesAPIAndKey(t *testing.T) {
	j := newJournaled(t, nil)
	j.API, j.Key = "", lockfile.Key{ID: strings.Repeat("0", 16)}
	j.intent(on(planner.OpCreate, "new"))
	f, err := lockfile.Read(j.path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "API and key", []string{f.API, f.Key.ID}, []string{"", strings.Repeat("0", 16)})
}
