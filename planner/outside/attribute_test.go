package outside_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

var (
	key  = planner.StoreKey{Account: "acc", Name: "prod"}
	noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) // our last write
)

// at is a time after our last write, as Cloudflare writes it.
func at(d time.Duration) planner.Modified {
	return planner.Modified(noon.Add(d).Format("2006-01-02T15:04:05.000000Z"))
}

// write is an entry about the secret s1 of the store st.
func write(d time.Duration, actor, method string, value planner.ValueChange) outside.Entry {
	return outside.Entry{Time: at(d), Actor: actor, Channel: "dash", Method: method, Store: "st", Secret: "s1", Value: value}
}

func by(d time.Duration, actor string, value planner.ValueChange, metadataOnly bool) planner.OutsideChange {
	return planner.OutsideChange{At: at(d), Actor: actor, Channel: "dash", Value: value, MetadataOnly: metadataOnly}
}

func TestAttribute(t *testing.T) {
	const (
		set  = planner.ValueModified
		kept = planner.ValueKept
	)
	ours := write(0, "ci", "PATCH", set)
	bulk := outside.Entry{Time: at(0), Actor: "ci", Method: "POST", Store: "st"} // the log need not name the secrets
	store := outside.Entry{Time: at(3 * time.Hour), Actor: "jane", Channel: "dash", Method: "DELETE", Store: "st"}
	named := outside.Entry{Time: at(3 * time.Hour), Actor: "jane", Channel: "dash", Method: "POST", Store: "st", Secrets: []string{"key"}}
	other := write(3*time.Hour, "jane", "PATCH", set)
	other.Secret = "s2"
	yet := planner.OutsideChange{}
	for _, c := range []struct {
		name    string
		kind    planner.DriftKind
		live    planner.LiveSecret // with its id s1 if it has none
		log     []outside.Entry    // the latest first
		want    planner.OutsideChange
		ago     time.Duration // from our last write to now; 2 days if zero
		because func(*planner.Input)
	}{
		{name: "the value", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", set), ours}, want: by(3*time.Hour, "jane", set, false)},
		{name: "metadata only", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log:  []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), write(2*time.Hour, "joe", "PATCH", kept), ours},
			want: by(3*time.Hour, "jane", kept, true)},
		{name: "metadata, after the value", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log:  []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), write(2*time.Hour, "joe", "PATCH", set), ours},
			want: planner.OutsideChange{At: at(3 * time.Hour), Actor: "jane", Channel: "dash", Value: kept, ValueBefore: true}},
		{name: "metadata, after a change that does not say", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log:  []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), write(2*time.Hour, "joe", "PATCH", ""), ours},
			want: by(3*time.Hour, "jane", kept, false)},
		{name: "metadata, and our write is not in the log", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept)}, want: by(3*time.Hour, "jane", kept, false)},
		{name: "metadata, too recent for a complete log", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), ours}, want: by(3*time.Hour, "jane", kept, false), ago: 4*time.Hour - time.Second},
		{name: "metadata, long enough ago", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), ours}, want: by(3*time.Hour, "jane", kept, true), ago: 4 * time.Hour},
		{name: "metadata of a value that was accepted", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), ours}, want: by(3*time.Hour, "jane", kept, false),
			because: func(in *planner.Input) { in.Recorded[0].Secrets[0].Accepted = true }},
		{name: "a moment after our write", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(time.Millisecond)},
			log: []outside.Entry{write(time.Millisecond, "jane", "PATCH", set), ours}, want: by(time.Millisecond, "jane", set, false)},
		{name: "our write is logged late", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour+2*time.Second, "jane", "PATCH", kept), write(2*time.Second, "ci", "PATCH", set)}, want: by(3*time.Hour+2*time.Second, "jane", kept, true)},
		{name: "our write may be another one", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log:  []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), write(30*time.Second, "joe", "PATCH", set)},
			want: by(3*time.Hour, "jane", kept, false)},
		{name: "created by a bulk request", kind: planner.DriftComment, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(3*time.Hour, "jane", "PATCH", kept), bulk}, want: by(3*time.Hour, "jane", kept, true)},
		{name: "not logged yet", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(3 * time.Hour)}, log: []outside.Entry{ours}, want: yet},
		{name: "only an earlier change is logged", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(3 * time.Hour)},
			log: []outside.Entry{write(2*time.Hour, "joe", "PATCH", set), ours}, want: yet},
		{name: "another secret's", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(3 * time.Hour)}, log: []outside.Entry{other, ours}, want: yet},
		{name: "an empty log", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: at(3 * time.Hour)}, want: yet},
		{name: "times that are none", kind: planner.DriftChanged, live: planner.LiveSecret{Modified: "soon"},
			log: []outside.Entry{{Time: "soon", Actor: "jane", Method: "PATCH", Store: "st", Secret: "s1"}}, want: yet},
		{name: "deleted", kind: planner.DriftDeleted,
			log: []outside.Entry{write(3*time.Hour, "jane", "DELETE", ""), write(2*time.Hour, "joe", "PATCH", set), ours}, want: by(3*time.Hour, "jane", "", false)},
		{name: "deleted with its store", kind: planner.DriftDeleted, log: []outside.Entry{store, ours}, want: by(3*time.Hour, "jane", "", false)},
		{name: "deletion not logged yet", kind: planner.DriftDeleted, log: []outside.Entry{write(2*time.Hour, "joe", "PATCH", set), ours}, want: yet},
		{name: "recreated", kind: planner.DriftRecreated, live: planner.LiveSecret{ID: "s9", Created: at(3 * time.Hour), Modified: at(3 * time.Hour)},
			log: []outside.Entry{named, write(2*time.Hour, "joe", "DELETE", ""), ours}, want: by(3*time.Hour, "jane", "", false)},
		{name: "the store", kind: planner.DriftStoreGone, log: []outside.Entry{store, ours}, want: by(3*time.Hour, "jane", "", false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.ago == 0 {
				c.ago = 48 * time.Hour
			}
			in := planner.Input{Now: noon.Add(c.ago), Recorded: []planner.RecordedStore{{
				Key: key, ID: "st", Secrets: []planner.RecordedSecret{{Name: "key", ID: "s1", Modified: at(0), Applied: noon}},
			}}}
			d := planner.Drift{Kind: c.kind, Store: key, Secret: "key", Counts: true}
			switch c.kind {
			case planner.DriftStoreGone:
				d.Secret = ""
			case planner.DriftDeleted:
				in.Live = []planner.LiveStore{{Key: key, ID: "st"}}
			default:
				if c.live.Name = "key"; c.live.ID == "" {
					c.live.ID = "s1"
				}
				in.Live = []planner.LiveStore{{Key: key, ID: "st", Secrets: []planner.LiveSecret{c.live}}}
			}
			if c.because != nil {
				c.because(&in)
			}
			got := outside.Attribute([]planner.Drift{d}, in, map[planner.AccountID][]outside.Entry{"acc": c.log})
			if diff := cmp.Diff(map[planner.SecretKey]planner.OutsideChange{key.Secret(d.Secret): c.want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if since, some := outside.Since([]planner.Drift{d}, in)["acc"]; !some || since.After(noon) || since.Before(noon.Add(-2*time.Minute)) {
				t.Errorf("the log is read from %s, %v", since, some)
			}
			if got := outside.Attribute([]planner.Drift{d}, in, nil); len(got) != 0 {
				t.Errorf("without a log: %v", got)
			}
		})
	}
}

// TestWholeSeconds: a log's times may be less precise than secrets' times.
func TestWholeSeconds(t *testing.T) {
	second := planner.Modified(noon.Format(time.RFC3339))
	in := planner.Input{
		Now:      noon.Add(time.Hour),
		Recorded: []planner.RecordedStore{{Key: key, ID: "st", Secrets: []planner.RecordedSecret{{Name: "key", ID: "s1", Modified: at(100 * time.Millisecond)}}}},
		Live:     []planner.LiveStore{{Key: key, ID: "st", Secrets: []planner.LiveSecret{{Name: "key", ID: "s1", Modified: at(300 * time.Millisecond)}}}},
	}
	log := []outside.Entry{
		{Time: second, Actor: "jane", Method: "PATCH", Store: "st", Secret: "s1"},
		{Time: second, Actor: "ci", Method: "PATCH", Store: "st", Secret: "s1"},
	}
	got := outside.Attribute(planner.FindDrift(in), in, map[planner.AccountID][]outside.Entry{"acc": log})
	if got[key.Secret("key")].Actor != "jane" {
		t.Errorf("attributed to %v", got)
	}
}

func TestSince(t *testing.T) {
	if since, some := outside.Since([]planner.Drift{{Kind: planner.DriftUnmanaged, Store: key, Secret: "x"}}, planner.Input{})["acc"]; some {
		t.Errorf("an unmanaged secret has no write of ours, but %s", since)
	}
}

// TestSinceUnknown: a secret without a known time of our last write is attributed, too.
func TestSinceUnknown(t *testing.T) {
	in := planner.Input{Recorded: []planner.RecordedStore{{Key: key, ID: "st", Secrets: []planner.RecordedSecret{{Name: "key", ID: "s1"}}}}}
	if since, some := outside.Since([]planner.Drift{{Kind: planner.DriftDeleted, Store: key, Secret: "key"}}, in)["acc"]; !some || since.After(noon) {
		t.Errorf("the log is read from %s, %v", since, some)
	}
}

func TestReferences(t *testing.T) {
	readers := []outside.Reader{
		{Kind: planner.ReaderDeployed, Name: "api", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key"}, {Binding: "OLD", Store: "st", Secret: "old"}}},
		{Kind: planner.ReaderDispatched, Namespace: "customers", Name: "a", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key"}}},
		{Kind: planner.ReaderGateway, Name: "chat", Uses: []outside.Use{{Binding: "openai", ID: "s1"}, {Binding: "other", Store: "st", ID: "s9"}}},
	}
	names := outside.NamesOf([]planner.RecordedStore{{ID: "st", Secrets: []planner.RecordedSecret{{ID: "s1", Name: "before"}}}},
		[]planner.LiveStore{{ID: "st", Secrets: []planner.LiveSecret{{ID: "s1", Name: "key"}}}})
	refs := outside.References(readers, names)
	configured := []planner.Reference{{StoreID: "st", Secret: "key", Worker: "api"}, {StoreID: "st", Secret: "key", Worker: "customers/a"}}
	var all []string
	for _, r := range outside.Unknown(refs, configured) {
		all = append(all, fmt.Sprint(r.Reader, " ", r.Worker, " ", r.Binding, ": ", r.StoreID, "/", r.Secret))
	}
	want := []string{"deployed_worker api OLD: st/old", "dispatched_worker customers/a KEY: st/key", "ai_gateway chat openai: st/key", "ai_gateway chat other: st/s9"}
	if diff := cmp.Diff(want, all); diff != "" || len(refs) != 5 {
		t.Errorf("%d references; -want +got:\n%s", len(refs), diff)
	}
}
