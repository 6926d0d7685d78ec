package planner_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

// world is a random state of the three versions. The model below executes its plans.
type world struct{ planner.Input }

var names = []string{"a", "b", "c", "API_KEY", "api-key"}

func drawWorld(t *rapid.T) *world {
	w := &world{planner.Input{Now: now}}
	for _, storeName := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"prod", "dev"}), 1, 2, rapid.ID).Draw(t, "stores") {
		key := planner.StoreKey{Account: account, Name: storeName}
		d := planner.DesiredStore{Key: key, Create: true, Unmanaged: rapid.SampledFrom([]planner.UnmanagedPolicy{
			"", planner.UnmanagedReport, planner.UnmanagedIgnore, planner.UnmanagedFail, planner.UnmanagedDelete,
		}).Draw(t, "policy")}
		r := planner.RecordedStore{Key: key, ID: "st-" + planner.StoreID(storeName)}
		l := planner.LiveStore{Key: key, ID: r.ID}
		for _, name := range names {
			drawSecret(t, name, &d, &r, &l)
		}
		drawPrevious(t, &d, &r, &l)
		if rapid.Bool().Draw(t, "in manifest") {
			w.Desired = append(w.Desired, d)
		}
		if rapid.Bool().Draw(t, "recorded") {
			w.Recorded = append(w.Recorded, r)
		}
		if rapid.Bool().Draw(t, "exists") {
			w.Live = append(w.Live, l)
		}
	}
	return w
}

func drawSecret(t *rapid.T, name string, d *planner.DesiredStore, r *planner.RecordedStore, l *planner.LiveStore) {
	scopes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"workers", "dex", "ai_gateway"}), 1, 3, rapid.ID)
	modified := rapid.SampledFrom([]planner.Modified{older, applied, newer})
	comment := rapid.SampledFrom([]string{"", "x", "y"})
	id := rapid.SampledFrom([]planner.SecretID{"s1", "s2"})
	if rapid.Bool().Draw(t, "desired") {
		s := planner.DesiredSecret{
			Name: name, Scopes: scopes.Draw(t, "scopes"), Delete: rapid.Bool().Draw(t, "delete"),
			Value:       rapid.SampledFrom([]planner.ValueState{planner.ValueNew, planner.ValueSame, planner.ValueChanged}).Draw(t, "value"),
			Adopt:       rapid.SampledFrom([]planner.AdoptPolicy{"", planner.AdoptOverwrite, planner.AdoptKeep, planner.AdoptVerify}).Draw(t, "adopt"),
			Generated:   rapid.Bool().Draw(t, "generated"),
			RenamedFrom: rapid.SampledFrom(append([]string{""}, names...)).Draw(t, "renamed from"),
			RotateAfter: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "rotate after"),
		}
		if rapid.Bool().Draw(t, "has comment") {
			s.Comment = ptr(comment.Draw(t, "comment"))
		}
		d.Secrets = append(d.Secrets, s)
	}
	if rapid.Bool().Draw(t, "recorded") {
		s := planner.RecordedSecret{
			Name: name, ID: id.Draw(t, "recorded id"), Scopes: scopes.Draw(t, "recorded scopes"),
			Comment: comment.Draw(t, "recorded comment"), Modified: modified.Draw(t, "recorded modified"),
			Delete: rapid.Bool().Draw(t, "recorded delete"), Accepted: rapid.IntRange(0, 4).Draw(t, "accepted") == 0,
		}
		if rapid.IntRange(0, 4).Draw(t, "pending") == 0 {
			s.Pending = &planner.Pending{Op: planner.OpUpdate, Since: now.Add(-time.Minute)}
			if rapid.Bool().Draw(t, "half created") {
				s.ID, s.Modified, s.Pending.Op = "", "", planner.OpCreate
			}
		}
		r.Secrets = append(r.Secrets, s)
	}
	if rapid.Bool().Draw(t, "live") {
		l.Secrets = append(l.Secrets, planner.LiveSecret{
			Name: name, ID: id.Draw(t, "live id"), Scopes: scopes.Draw(t, "live scopes"), Status: "active",
			Comment: comment.Draw(t, "live comment"), Modified: modified.Draw(t, "live modified"), Created: older,
		})
		drawFinding(t, name, d, r, &l.Secrets[len(l.Secrets)-1])
	}
}

// drawFinding draws what a verification found out about a live value; mostly there was none.
func drawFinding(t *rapid.T, name string, d *planner.DesiredStore, r *planner.RecordedStore, l *planner.LiveSecret) {
	i := rapid.IntRange(0, 2*len(findings)-1).Draw(t, "finding")
	if i >= len(findings) {
		return
	}
	var ds *planner.DesiredSecret
	var rs *planner.RecordedSecret
	if n := len(d.Secrets); n > 0 && d.Secrets[n-1].Name == name {
		ds = &d.Secrets[n-1]
	}
	if n := len(r.Secrets); n > 0 && r.Secrets[n-1].Name == name {
		rs = &r.Secrets[n-1]
	}
	findings[i].value(ds, rs, l)
}

// drawPrevious draws the previous ones of some secrets, whether these are desired or not.
func drawPrevious(t *rapid.T, d *planner.DesiredStore, r *planner.RecordedStore, l *planner.LiveStore) {
	for _, of := range names[:3] {
		name := of + "-previous"
		if i := slices.IndexFunc(d.Secrets, func(s planner.DesiredSecret) bool { return s.Name == of }); i >= 0 && rapid.Bool().Draw(t, "overlap") {
			d.Secrets[i].Overlap, d.Secrets[i].Previous = 24*time.Hour, name
		}
		if rapid.Bool().Draw(t, "previous recorded") {
			s := planner.RecordedSecret{
				Name: name, ID: "p1", Scopes: []string{"workers"}, Comment: "previous value of " + of, Modified: applied,
				Delete: rapid.IntRange(0, 4).Draw(t, "previous delete") > 0, PreviousOf: rapid.SampledFrom([]string{of, of, of, ""}).Draw(t, "of"),
				KeptSince: rapid.SampledFrom([]time.Time{{}, now.Add(-time.Hour), now.Add(-48 * time.Hour)}).Draw(t, "kept since"),
			}
			if rapid.IntRange(0, 3).Draw(t, "previous pending") == 0 {
				s.ID, s.Modified = "", ""
				s.Pending = &planner.Pending{Op: planner.OpPrepare, Since: now.Add(-time.Minute), Until: now, PreviousID: "p1"}
			}
			r.Secrets = append(r.Secrets, s)
		}
		if rapid.Bool().Draw(t, "previous live") {
			l.Secrets = append(l.Secrets, planner.LiveSecret{
				Name: name, ID: rapid.SampledFrom([]planner.SecretID{"p1", "p1", "p2"}).Draw(t, "previous id"), Scopes: []string{"workers"},
				Status: "active", Comment: "previous value of " + of, Created: older,
				Modified: rapid.SampledFrom([]planner.Modified{applied, applied, newer}).Draw(t, "previous modified"),
			})
		}
	}
}

// TestPlanApplyPlanConverges executes a plan in a model of Cloudflare and of the lockfile:
// the next plan is empty, and nothing that is not ours was touched. A lagging list is
// brought up to date first, as it would be in time.
func TestPlanApplyPlanConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for i := range w.Live {
			for j := range w.Live[i].Secrets {
				l := &w.Live[i].Secrets[j]
				if r := w.record(place{w.Live[i].Key, l.Name}); r != nil && l.Modified.Compare(r.Modified) < 0 {
					l.Modified = r.Modified
				}
			}
		}
		foreign := w.foreign()
		p := planner.Build(w.Input)
		w.carryOut(t, p)
		for where, before := range foreign {
			if diff := cmp.Diff(before, w.live(where).secret(where.name)); diff != "" {
				t.Fatalf("another client's %s was touched: %s", where.name, diff)
			}
		}
		again := planner.Build(w.Input)
		if len(again.Actions) > 0 {
			t.Fatalf("a second plan has actions: %s", describe(again))
		}
		if diff := cmp.Diff(p.Problems, again.Problems); diff != "" {
			t.Fatalf("problems changed: %s", diff)
		}
	})
}

// TestOrderOfInputMakesNoDifference also shows that no action appears twice.
func TestOrderOfInputMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := planner.Build(w.Input)
		seen := map[place]bool{}
		for _, a := range p.Actions {
			at := place{a.Store, a.Secret}
			if seen[at] {
				t.Fatalf("two actions on %s", a.Secret)
			}
			seen[at] = true
		}
		slices.Reverse(w.Desired)
		slices.Reverse(w.Recorded)
		slices.Reverse(w.Live)
		for _, d := range w.Desired {
			slices.Reverse(d.Secrets)
		}
		for _, l := range w.Live {
			slices.Reverse(l.Secrets)
		}
		if diff := cmp.Diff(p, planner.Build(w.Input)); diff != "" {
			t.Fatal(diff)
		}
	})
}

type place struct {
	store planner.StoreKey
	name  string
}

// foreign are the live secrets that no record names and that the manifest does not adopt or
// delete.
func (w *world) foreign() map[place]*planner.LiveSecret {
	found := map[place]*planner.LiveSecret{}
	for _, l := range w.Live {
		for _, s := range l.Secrets {
			at := place{l.Key, s.Name}
			d := w.desired(at)
			if w.record(at) == nil && (d == nil || d.Adopt == "") && (d != nil || !w.deletesUnmanaged(l.Key)) {
				found[at] = &s
			}
		}
	}
	return found
}

func (w *world) deletesUnmanaged(k planner.StoreKey) bool {
	return slices.ContainsFunc(w.Desired, func(d planner.DesiredStore) bool {
		return d.Key == k && d.Unmanaged == planner.UnmanagedDelete
	})
}

type liveStore struct{ *planner.LiveStore }

func (w *world) live(at place) liveStore {
	i := slices.IndexFunc(w.Live, func(l planner.LiveStore) bool { return l.Key == at.store })
	return liveStore{&w.Live[i]}
}

func (l liveStore) secret(name string) *planner.LiveSecret {
	if i := slices.IndexFunc(l.Secrets, func(s planner.LiveSecret) bool { return s.Name == name }); i >= 0 {
		return &l.Secrets[i]
	}
	return nil
}

func (w *world) record(at place) *planner.RecordedSecret {
	for _, r := range w.Recorded {
		if i := slices.IndexFunc(r.Secrets, func(s planner.RecordedSecret) bool { return s.Name == at.name }); r.Key == at.store && i >= 0 {
			return &r.Secrets[i]
		}
	}
	return nil
}

// recordedStore returns the record of a store, which it adds if needed.
func (w *world) recordedStore(k planner.StoreKey) *planner.RecordedStore {
	i := slices.IndexFunc(w.Recorded, func(r planner.RecordedStore) bool { return r.Key == k })
	if i < 0 {
		i, w.Recorded = len(w.Recorded), append(w.Recorded, planner.RecordedStore{Key: k})
	}
	return &w.Recorded[i]
}

func (w *world) desired(at place) *planner.DesiredSecret {
	for _, d := range w.Desired {
		if i := slices.IndexFunc(d.Secrets, func(s planner.DesiredSecret) bool { return s.Name == at.name }); d.Key == at.store && i >= 0 {
			return &d.Secrets[i]
		}
	}
	return nil
}

// carryOut does what the applier and the lockfile do.
func (w *world) carryOut(t *rapid.T, p *planner.Plan) {
	for _, a := range p.Actions {
		at := place{a.Store, a.Secret}
		rec := w.recordedStore(a.Store)
		forget := func() {
			rec.Secrets = slices.DeleteFunc(rec.Secrets, func(s planner.RecordedSecret) bool { return s.Name == a.Secret })
		}
		switch a.Op {
		case planner.OpCreateStore:
			w.Live = append(w.Live, planner.LiveStore{Key: a.Store, ID: "new"})
		case planner.OpCreate:
			l := w.live(at)
			if l.secret(a.Secret) != nil {
				t.Fatalf("%s is created though it exists", a.Secret)
			}
			l.Secrets = append(l.Secrets, planner.LiveSecret{ID: "created", Name: a.Secret, Status: "active", Created: newer})
			w.write(a, l.secret(a.Secret))
		case planner.OpRename:
			l, from := w.live(at), place{a.Store, a.From}
			if r := w.record(from); r == nil || r.ID != a.ID || l.secret(a.Secret) != nil || w.desired(from) != nil {
				t.Fatalf("%s is renamed to %s", a.From, a.Secret)
			}
			l.secret(a.From).Name = a.Secret
			rec.Secrets = slices.DeleteFunc(rec.Secrets, func(s planner.RecordedSecret) bool { return s.Name == a.From })
			w.write(a, l.secret(a.Secret))
		case planner.OpPrepare, planner.OpRetire:
			w.duplicate(t, a)
		case planner.OpUpdate, planner.OpRotate, planner.OpAdopt:
			if w.desired(at) == nil { // metadata of a previous one
				l, r := w.live(at).secret(a.Secret), w.record(at)
				if a.SetValue || r == nil || r.PreviousOf == "" || !r.KeptSince.IsZero() {
					t.Fatalf("%s of %s", a.Op, a.Secret)
				}
				l.Scopes, r.Scopes = a.Scopes.After, a.Scopes.After
				continue
			}
			l := w.live(at).secret(a.Secret)
			if l == nil || l.ID != a.ID {
				t.Fatalf("%s is updated under the id %q", a.Secret, a.ID)
			}
			w.write(a, l)
		case planner.OpDelete:
			l := w.live(at)
			if r := w.record(at); (r == nil || r.ID != "" && r.ID != a.ID) && !w.deletesUnmanaged(a.Store) {
				t.Fatalf("%s is deleted though it isn't ours", a.Secret)
			}
			l.Secrets = slices.DeleteFunc(l.Secrets, func(s planner.LiveSecret) bool { return s.ID == a.ID && s.Name == a.Secret })
			forget()
		case planner.OpForget:
			forget()
		case planner.OpRecord:
			w.record(at).Delete = w.desired(at).Delete
			if a.Proven {
				w.write(a, w.live(at).secret(a.Secret))
			}
		}
	}
}

// duplicate makes a secret that keeps the value of another one equal to it. One that exists has to
// be ours.
func (w *world) duplicate(t *rapid.T, a planner.Action) {
	at, from := place{a.Store, a.Secret}, place{a.Store, a.From}
	l, r := w.live(at), w.record(at)
	exists := l.secret(a.Secret)
	switch {
	case l.secret(a.From) == nil:
		t.Fatalf("%s of %s: %s does not exist", a.Op, a.Secret, a.From)
	case a.FromID != "" && a.FromID != l.secret(a.From).ID:
		t.Fatalf("%s of %s duplicates another secret than %s", a.Op, a.Secret, a.From)
	case w.desired(from) == nil || w.desired(from).Previous != a.Secret || w.desired(at) != nil:
		t.Fatalf("%s of %s is not asked for", a.Op, a.Secret)
	case a.Op == planner.OpPrepare && exists != nil:
		t.Fatalf("%s is prepared though it exists", a.Secret)
	case a.Op == planner.OpRetire && (exists == nil || exists.ID != a.ID || r == nil || r.ID != "" && r.ID != a.ID):
		t.Fatalf("%s is deleted though it isn't ours", a.Secret)
	}
	l.Secrets = slices.DeleteFunc(l.Secrets, func(s planner.LiveSecret) bool { return s.Name == a.Secret })
	l.Secrets = append(l.Secrets, planner.LiveSecret{
		ID: "duplicate", Name: a.Secret, Status: "active", Scopes: a.Scopes.After, Comment: a.Comment.After, Created: newer, Modified: newer,
	})
	rec := w.recordedStore(a.Store)
	rec.Secrets = slices.DeleteFunc(rec.Secrets, func(s planner.RecordedSecret) bool { return s.Name == a.Secret })
	rec.Secrets = append(rec.Secrets, planner.RecordedSecret{
		Name: a.Secret, ID: "duplicate", Scopes: a.Scopes.After, Comment: a.Comment.After, Modified: newer, Delete: true, PreviousOf: a.From,
	})
}

// write applies an action to the live secret and then to the record.
func (w *world) write(a planner.Action, l *planner.LiveSecret) {
	at := place{a.Store, a.Secret}
	if a.Writes() {
		l.Modified = "2026-11-23T12:00:00.000001Z"
	}
	if a.Scopes != nil {
		l.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		l.Comment = a.Comment.After
	}
	if a.Previous != "" {
		w.record(place{a.Store, a.Previous}).KeptSince = w.Now
	}
	d := w.desired(at)
	if a.SetValue || a.Op == planner.OpAdopt || a.Op == planner.OpRename || a.Proven {
		d.Value = planner.ValueSame
	}
	rec := w.recordedStore(a.Store)
	was := w.record(at)
	accepted := was != nil && was.Accepted && !a.SetValue && !a.Proven
	switch {
	case a.SetValue || a.Proven:
		l.Value, l.DesiredValue = planner.LiveSame, planner.LiveSame
	case !accepted && a.Op != planner.OpUpdate: // kept as it is
		l.Value, l.DesiredValue = planner.LiveUnknown, planner.LiveUnknown
	}
	rec.Secrets = slices.DeleteFunc(rec.Secrets, func(s planner.RecordedSecret) bool { return s.Name == a.Secret })
	rec.Secrets = append(rec.Secrets, planner.RecordedSecret{
		Name: a.Secret, ID: l.ID, Scopes: l.Scopes, Comment: l.Comment, Modified: l.Modified, Delete: d.Delete,
		Applied: w.Now, Accepted: accepted,
	})
}

// TestOnlyCreationsRotationsAndAdoptionsGenerateValues: a plan shows which secrets get a new
// random value, because no update of a generated secret sends one.
func TestOnlyCreationsRotationsAndAdoptionsGenerateValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for _, a := range planner.Build(w.Input).Actions {
			d := w.desired(place{a.Store, a.Secret})
			generates := a.SetValue && d != nil && d.Generated
			switch a.Op {
			case planner.OpCreate, planner.OpAdopt:
			case planner.OpRotate:
				if !generates {
					t.Fatalf("%s is rotated, but no value is generated for it", a.Secret)
				}
			default:
				if generates {
					t.Fatalf("%s of %s generates a value", a.Op, a.Secret)
				}
			}
		}
	})
}

// TestDestroy: the secrets that destroy deletes are still in the manifest, so the reason differs. In
// everything else, the plan is the same as for an empty manifest.
func TestDestroy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.Desired = nil
		for i := range w.Recorded {
			w.Recorded[i].Delete = rapid.Bool().Draw(t, "delete store")
		}
		empty := planner.Build(w.Input)
		w.Options.Destroy = true
		destroy := planner.Build(w.Input)
		if planfile.ID(destroy) != planfile.ID(empty) {
			t.Fatal("the plan has another id")
		}
		for i, a := range destroy.Actions {
			if slices.Contains(a.Reasons, planner.ReasonNotDesired) || !slices.Contains(a.Reasons, planner.ReasonDestroy) {
				t.Fatalf("%s of %q: %v", a.Op, a.Secret, a.Reasons)
			}
			destroy.Actions[i].Reasons = nil
			empty.Actions[i].Reasons = nil
		}
		if !destroy.Destroy || empty.Destroy {
			t.Fatalf("destroy is marked %v, an empty manifest %v", destroy.Destroy, empty.Destroy)
		}
		destroy.Destroy = false
		if diff := cmp.Diff(empty, destroy); diff != "" {
			t.Fatal(diff)
		}
	})
}
