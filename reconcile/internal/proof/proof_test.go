package proof_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/proof"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// scene is a store with live secrets, records of them, and desired values.
type scene struct {
	account *enginetest.Account
	store   *enginetest.Store
	lock    *lockfile.File
	prover  proof.Prover
}

func newScene() *scene {
	api := enginetest.NewAPI()
	api.Clock = func() time.Time { return enginetest.Start }
	s := &scene{account: api.Accounts[enginetest.DefaultAccount], lock: &lockfile.File{Key: lockfile.Key{ID: enginetest.Key.ID()}}}
	s.store = s.account.Put("prod")
	s.prover = proof.Prover{
		Previewer: func(id planner.AccountID) (witness.Previewer, error) { return api.Account(id, "") },
		Lock:      s.lock, Key: enginetest.Key, Wants: map[planner.SecretKey]records.Want{}, Now: api.Now,
	}
	return s
}

// add adds a live secret with a value. If recorded, requested or desired is empty, there is no such
// value.
func (s *scene) add(name, live, recorded, requested, desired string) {
	s.account.Create(s.store, name, live, []string{"workers"}, "")
	k := enginetest.Prod.Secret(name)
	fingerprint := func(value string) secret.Fingerprint {
		if value == "" {
			return ""
		}
		return enginetest.Key.Fingerprint(records.Subject(k), secret.New([]byte(value)))
	}
	sec := lockfile.Secret{ID: lockfile.SecretID(s.store.Secrets[name].ID), Fingerprint: fingerprint(recorded)}
	if requested != "" {
		sec.Pending = &lockfile.Pending{Op: string(planner.OpCreate), Fingerprint: fingerprint(requested)}
	}
	if recorded+requested != "" {
		s.lock.PutStore(records.LockKey(enginetest.Prod), "st1").PutSecret(name, sec)
	}
	if desired != "" {
		s.prover.Wants[k] = records.Want{Value: secret.New([]byte(desired))}
	}
}

func (s *scene) input() planner.Input {
	desired := planner.DesiredStore{Key: enginetest.Prod}
	for k := range s.prover.Wants {
		desired.Secrets = append(desired.Secrets, planner.DesiredSecret{Name: k.Name})
	}
	live := planner.LiveStore{Key: enginetest.Prod, ID: s.store.ID}
	for _, l := range s.store.Secrets {
		live.Secrets = append(live.Secrets, l)
	}
	return planner.Input{Desired: []planner.DesiredStore{desired}, Recorded: records.Stores(s.lock), Live: []planner.LiveStore{live}}
}

func everything(*planner.Versions) bool { return true }

// TestProve: which of the values that are compared the live one is.
func TestProve(t *testing.T) {
	const same, other, unknown = planner.LiveSame, planner.LiveOther, planner.LiveUnknown
	for _, c := range []struct {
		name                               string
		live, recorded, requested, desired string
		asRecorded, asRequested, asDesired planner.LiveValue
		value                              planner.LiveValue
	}{
		{"as applied", "a", "a", "", "", same, unknown, unknown, same},
		{"as applied and desired", "a", "a", "", "a", same, unknown, same, same},
		{"as applied, and another is desired", "a", "a", "", "b", same, unknown, other, same},
		{"as desired, and another was applied", "b", "a", "", "b", other, unknown, same, other},
		{"another", "c", "a", "", "b", other, unknown, other, other},
		{"another than the one that was applied and is desired", "c", "a", "", "a", other, unknown, other, other},
		{"to be adopted", "a", "", "", "a", unknown, unknown, same, same},
		{"not to be adopted", "c", "", "", "a", unknown, unknown, other, other},
		{"as requested", "a", "", "a", "", unknown, same, unknown, same},
		{"as requested and desired", "a", "", "a", "a", unknown, same, same, same},
		{"as requested, and another is desired", "a", "", "a", "b", unknown, same, other, same},
		{"not as requested", "c", "", "a", "a", unknown, other, other, other},
		{"as requested, which may be the applied one", "a", "a", "a", "", unknown, same, unknown, same},
		{"all three", "a", "a", "a", "a", same, same, same, same},
		{"as applied, and another was requested", "a", "a", "b", "", same, other, unknown, same},
		{"as applied, and another was requested and is desired", "a", "a", "b", "b", same, other, other, same},
	} {
		s := newScene()
		s.add("key", c.live, c.recorded, c.requested, c.desired)
		in := s.input()
		f := s.prover.Prove(t.Context(), in, everything)
		l := f.Live[0].Secrets[0]
		if l.Value != c.asRecorded || l.RequestedValue != c.asRequested || l.DesiredValue != c.asDesired {
			t.Errorf("%s: recorded %q, requested %q, desired %q", c.name, l.Value, l.RequestedValue, l.DesiredValue)
		}
		if was := in.Live[0].Secrets[0]; was.Value != unknown || was.RequestedValue != unknown || was.DesiredValue != unknown {
			t.Errorf("%s: the input has been changed: %+v", c.name, was)
		}
		if len(f.Secrets) != 1 || len(f.Failed) > 0 || f.Secrets[0].Value != c.value || f.Secrets[0].Reason != "" {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

// TestNotProven: secrets that are not asked about, and values that cannot be read.
func TestNotProven(t *testing.T) {
	s := newScene()
	s.add("gone", "a", "a", "", "")
	s.add("dex-only", "a", "a", "", "")
	s.add("other-scope", "a", "a", "", "")
	s.add("changed-now", "a", "a", "", "")
	s.add("set-now", "b", "a", "", "")
	s.add("unmanaged", "a", "", "", "")
	s.add("no-fingerprint", "a", "a", "", "")
	s.add("left-out", "a", "a", "", "")
	records.Find(s.lock, enginetest.Prod.Secret("no-fingerprint")).Fingerprint = ""
	records.Find(s.lock, enginetest.Prod.Secret("other-scope")).Scopes = []string{"dex"}
	for name, change := range map[string]func(*planner.LiveSecret){
		"dex-only":    func(l *planner.LiveSecret) { l.Scopes = []string{"dex"} },
		"other-scope": func(l *planner.LiveSecret) { l.Scopes = nil },
		"changed-now": func(l *planner.LiveSecret) { l.Created = "2026-11-01T12:00:00Z" },
		"set-now":     func(l *planner.LiveSecret) { l.Created = "2026-11-01T12:00:00Z" },
	} {
		l := s.store.Secrets[name]
		change(&l)
		s.store.Secrets[name] = l
	}
	for _, st := range s.lock.Stores {
		for _, name := range []string{"changed-now", "set-now"} {
			st.Secret(name).Modified = "2026-11-01T12:00:00Z"
		}
	}
	in := s.input()
	delete(s.store.Secrets, "gone")
	s.prover.Lag = planner.ValueLag
	f := s.prover.Prove(t.Context(), in, func(v *planner.Versions) bool { return v.Recorded != nil && v.Key.Name != "left-out" })
	var got []string
	for _, x := range f.Secrets {
		got = append(got, x.Versions.Key.Name+" "+string(x.Value)+" "+string(x.Reason))
	}
	want := []string{
		"changed-now  unsettled", "dex-only unreadable no_scope", "gone unreadable not_found", "no-fingerprint  no_fingerprint",
		"other-scope unreadable no_scope", "set-now other ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	asked := s.account.Transcript()
	slices.Sort(asked)
	if !slices.Equal(asked, []string{"preview changed-now,gone,set-now"}) {
		t.Errorf("calls: %q", asked)
	}
	for _, l := range f.Live[0].Secrets {
		known := map[string]planner.LiveValue{
			"gone": planner.LiveUnreadable, "dex-only": planner.LiveUnreadable, "other-scope": planner.LiveUnreadable, "set-now": planner.LiveOther,
		}
		if l.Value != known[l.Name] {
			t.Errorf("%s has the value %q", l.Name, l.Value)
		}
	}
}

// TestNothingToAsk: no request is sent if nothing is in question, or nothing can be read.
func TestNothingToAsk(t *testing.T) {
	s := newScene()
	s.add("a", "a", "a", "", "")
	s.prover.Prove(t.Context(), s.input(), func(*planner.Versions) bool { return false })
	l := s.store.Secrets["a"]
	l.Scopes = []string{"dex"}
	s.store.Secrets["a"] = l
	s.prover.Prove(t.Context(), s.input(), everything)
	if calls := s.account.Transcript(); len(calls) > 0 {
		t.Errorf("calls: %q", calls)
	}
}

// TestAnotherKey: the fingerprints of a lockfile are compared under its own key only. Without one,
// desired values are compared under a key for this purpose.
func TestAnotherKey(t *testing.T) {
	s := newScene()
	s.add("adopted", "a", "", "", "a")
	s.add("recorded", "a", "a", "", "")
	for _, key := range []secret.Key{{}, secret.NewKey()} {
		s.prover.Key = key
		in := s.input()
		f := s.prover.Prove(t.Context(), in, everything)
		if len(f.Secrets) != 2 || f.Secrets[0].Value != planner.LiveSame || f.Secrets[1].Reason != proof.ReasonNoFingerprint {
			t.Errorf("%+v", f.Secrets)
		}
	}
}

// TestFailure: a step that fails leaves everything of the account unknown, and is named.
func TestFailure(t *testing.T) {
	s := newScene()
	s.add("a", "a", "a", "", "")
	s.account.Down("preview")
	in := s.input()
	f := s.prover.Prove(t.Context(), in, everything)
	err := f.Failed[enginetest.DefaultAccount]
	if !errors.Is(err, enginetest.ErrDown) || !strings.Contains(err.Error(), string(witness.StepUpload)) {
		t.Errorf("the error is %v", err)
	}
	if v := f.Live[0].Secrets[0].Value; v != planner.LiveUnknown || f.Secrets[0].Value != planner.LiveUnknown {
		t.Errorf("the value is %q", v)
	}
	s.prover.Previewer = func(planner.AccountID) (witness.Previewer, error) { return nil, proof.ErrNoPreviews }
	if f := s.prover.Prove(t.Context(), s.input(), everything); !errors.Is(f.Failed[enginetest.DefaultAccount], proof.ErrNoPreviews) {
		t.Errorf("without previews: %v", f.Failed)
	}
}

// TestUnproven: proofs about any of the three values are removed from a copy.
func TestUnproven(t *testing.T) {
	for name, tt := range map[string]struct {
		live   planner.LiveSecret
		proven bool
	}{
		"nothing":             {planner.LiveSecret{Name: "a"}, false},
		"the recorded value":  {planner.LiveSecret{Name: "a", Value: planner.LiveSame}, true},
		"the desired value":   {planner.LiveSecret{Name: "a", DesiredValue: planner.LiveOther}, true},
		"the requested value": {planner.LiveSecret{Name: "a", RequestedValue: planner.LiveSame}, true},
	} {
		in := planner.Input{Live: []planner.LiveStore{{Key: enginetest.Prod, Secrets: []planner.LiveSecret{tt.live, {Name: "b"}}}}}
		without, proven := proof.Unproven(in)
		if proven != tt.proven {
			t.Errorf("%s: proven is %v", name, proven)
		}
		enginetest.Equal(t, name, without.Live[0].Secrets, []planner.LiveSecret{{Name: "a"}, {Name: "b"}})
		enginetest.Equal(t, name+": verified later", []bool{in.Options.VerifyLater, without.Options.VerifyLater}, []bool{false, true})
		enginetest.Equal(t, name+": the input", in.Live[0].Secrets[0], tt.live)
	}
}
