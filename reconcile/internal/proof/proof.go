// Package proof finds out which live values are the recorded or the desired ones, by asking the
// witness, and adds that to the input of the planner.
package proof

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// Prover asks the witness about the secrets of any number of accounts.
type Prover struct {
	// Previewer runs the witness in an account.
	Previewer func(planner.AccountID) (witness.Previewer, error)
	Lock      *lockfile.File
	// Key is the key of the lockfile's fingerprints; unset if there is none yet.
	Key secret.Key
	// Wants are the desired values; nil if they were not read.
	Wants map[planner.SecretKey]records.Want
	Now   func() time.Time
	// Lag is how long after another client's write a Worker may still read the value before it.
	Lag time.Duration
	// Progress is called with how many of an account's secrets were asked about, out of all of
	// them; first with none. It may be nil. Calls may overlap.
	Progress func(account planner.AccountID, done, total int)
}

// ErrNoPreviews is the error of accounts whose client cannot run the witness.
var ErrNoPreviews = errors.New("the client of the API cannot run Workers")

// Reason is why nothing is known about a live value, although it was asked about.
type Reason string

// The reasons.
const (
	ReasonNotFound Reason = "not_found"
	// ReasonScope is a secret without the scope of Workers. The witness is not asked about it.
	ReasonScope    Reason = "no_scope"
	ReasonNotBound Reason = "not_bound"
	ReasonRejected Reason = "rejected"
	ReasonTimeout  Reason = "timeout"
	ReasonNotText  Reason = "not_text"
	// ReasonUnsettled is a value that was found unchanged so soon after another client's write that
	// Workers may still read the value from before that write.
	ReasonUnsettled Reason = "unsettled"
	// ReasonNoFingerprint is a secret with no fingerprint to compare with.
	ReasonNoFingerprint Reason = "no_fingerprint"
)

var reasons = map[witness.Reason]Reason{
	witness.ReasonNotFound: ReasonNotFound, witness.ReasonNotBound: ReasonNotBound, witness.ReasonRejected: ReasonRejected,
	witness.ReasonTimeout: ReasonTimeout, witness.ReasonNotText: ReasonNotText,
}

// Finding is what [Prover.Prove] found out about a live value.
type Finding struct {
	Versions planner.Versions
	// Value compares the live value with the recorded one, or else with the one that an
	// interrupted creation asked for or that is desired.
	Value planner.LiveValue
	// Reason is set if Value is not known.
	Reason Reason
}

// Findings is what a [Prover] found out.
type Findings struct {
	// Secrets are the findings about the chosen secrets, in the order of their keys.
	Secrets []Finding
	// Live are the input's live stores, with what was found out about their values.
	Live []planner.LiveStore
	// Failed has the accounts whose values could not be verified.
	Failed map[planner.AccountID]error
}

// Prove asks about the live values of those secrets of an input for which about returns true. The input
// stays as it is.
func (p Prover) Prove(ctx context.Context, in planner.Input, about func(*planner.Versions) bool) *Findings {
	if !p.Key.IsSet() { // for the desired values
		p.Key = secret.NewKey()
	}
	in.Live = clone(in.Live) // what is found out is set in these
	var all []*inquiry
	byAccount := map[planner.AccountID][]*inquiry{}
	for _, v := range planner.Join(in) {
		if v.Live == nil || !about(&v) {
			continue
		}
		q := p.inquire(v)
		all = append(all, q)
		if q.Reason == "" {
			byAccount[v.Key.Store.Account] = append(byAccount[v.Key.Store.Account], q)
		}
	}
	f := &Findings{Live: in.Live, Failed: map[planner.AccountID]error{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for account, asked := range byAccount {
		wg.Go(func() {
			if err := p.ask(ctx, account, asked); err != nil {
				mu.Lock()
				f.Failed[account] = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, q := range all {
		f.Secrets = append(f.Secrets, q.Finding)
	}
	return f
}

// inquiry is a question about a secret, with its finding.
type inquiry struct {
	Finding
	question witness.Question
	// compared are the results to set for each of the question's fingerprints.
	compared []*planner.LiveValue
	// desired are compared whose values are the desired one.
	desired []*planner.LiveValue
}

// inquire prepares the question about a secret. If its Reason is set, nothing is to be asked.
func (p *Prover) inquire(v planner.Versions) *inquiry {
	k := v.Key
	q := &inquiry{Finding: Finding{Versions: v}, question: witness.Question{
		StoreID: string(v.StoreID), SecretName: k.Name, Subject: records.Subject(k),
	}}
	wanted := p.Wants[k].Value
	add := func(f secret.Fingerprint, to *planner.LiveValue) {
		q.question.Fingerprints = append(q.question.Fingerprints, f)
		q.compared = append(q.compared, to)
		if wanted.IsSet() && p.Key.Matches(f, q.question.Subject, wanted) {
			q.desired = append(q.desired, to)
		}
	}
	if r := records.Find(p.Lock, k); r != nil && p.Key.ID() == p.Lock.Key.ID {
		if r.Pending != nil && r.Pending.Fingerprint != "" {
			add(r.Pending.Fingerprint, &v.Live.RequestedValue)
		}
		if r.Fingerprint != "" {
			add(r.Fingerprint, &v.Live.Value)
		}
	}
	if wanted.IsSet() {
		add(p.Key.Fingerprint(q.question.Subject, wanted), &v.Live.DesiredValue)
	}
	scopes := v.Live.Scopes
	if scopes == nil && v.Recorded != nil { // nullable in the API's schema (docs/cloudflare-api.md §1.2)
		scopes = v.Recorded.Scopes
	}
	switch {
	case len(q.compared) == 0:
		q.Reason = ReasonNoFingerprint
	case scopes != nil && !slices.Contains(scopes, planner.ScopeWorkers):
		q.unreadable(ReasonScope)
	}
	return q
}

// unreadable says that no Worker can read the value, and why.
func (q *inquiry) unreadable(why Reason) {
	q.Reason, q.Value = why, planner.LiveUnreadable
	for _, c := range q.compared {
		*c = planner.LiveUnreadable
	}
}

// ask asks the witness about secrets of an account.
func (p *Prover) ask(ctx context.Context, account planner.AccountID, asked []*inquiry) error {
	previewer, err := p.Previewer(account)
	if err != nil {
		return err
	}
	questions := make([]witness.Question, len(asked))
	for i, q := range asked {
		questions[i] = q.question
	}
	opt := witness.Options{Now: p.Now}
	if p.Progress != nil {
		p.Progress(account, 0, len(asked))
		opt.Answered = func(n int) { p.Progress(account, n, len(asked)) }
	}
	answers, err := witness.Ask(ctx, previewer, p.Key, questions, opt)
	if err != nil {
		return err
	}
	for i, q := range asked {
		q.answered(answers[i], q.Versions.Unsettled(p.Now(), p.Lag))
	}
	return nil
}

// answered takes the witness's answer.
func (q *inquiry) answered(a witness.Answer, unsettled bool) {
	switch {
	case a.Result == witness.Unreadable:
		q.unreadable(reasons[a.Reason])
		return
	case a.Result == witness.Mismatch:
		for _, c := range q.compared {
			*c = planner.LiveOther
		}
	case unsettled:
		q.Reason = ReasonUnsettled
		return
	default:
		q.matched(a.Which)
	}
	l := q.Versions.Live
	q.Value = cmp.Or(l.Value, l.RequestedValue, l.DesiredValue)
}

// matched records that the live value matches a fingerprint, the first one that does. Other
// fingerprints can represent the same value, but that is known for the desired value only.
func (q *inquiry) matched(which int) {
	isDesired := slices.Contains(q.desired, q.compared[which])
	for i, c := range q.compared {
		switch {
		case i == which, isDesired && slices.Contains(q.desired, c):
			*c = planner.LiveSame
		case i < which, isDesired, slices.Contains(q.desired, c):
			*c = planner.LiveOther
		}
	}
}

// Unproven returns an input without the proofs about live values, and whether there were any.
func Unproven(in planner.Input) (without planner.Input, proven bool) {
	in.Options.VerifyLater = true
	in.Live = clone(in.Live)
	for i := range in.Live {
		for j := range in.Live[i].Secrets {
			l := &in.Live[i].Secrets[j]
			proven = proven || cmp.Or(l.Value, l.DesiredValue, l.RequestedValue) != planner.LiveUnknown
			l.Value, l.DesiredValue, l.RequestedValue = "", "", ""
		}
	}
	return in, proven
}

// clone returns stores whose secrets can be changed.
func clone(live []planner.LiveStore) []planner.LiveStore {
	live = slices.Clone(live)
	for i := range live {
		live[i].Secrets = slices.Clone(live[i].Secrets)
	}
	return live
}
