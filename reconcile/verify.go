package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
	"github.com/secretsync/secretsync/reconcile/internal/proof"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
)

// Verification reports which live values match the lockfile's fingerprints.
type Verification struct {
	// Secrets are the secrets in question, by store and name.
	Secrets []VerifiedSecret
	// Failed joins the errors of the accounts whose values could not be verified; it may be nil.
	Failed error
	// Time is the API's clock.
	Time time.Time
}

// VerifiedSecret is what a verification found out about a secret.
type VerifiedSecret struct {
	Key planner.SecretKey
	// Value is how the live value compares with the last applied one. It is
	// [planner.LiveUnknown] if the account's values could not be verified.
	Value planner.LiveValue
	// Reason is why nothing is known about the value, if that is the secret's own.
	Reason UnverifiedReason
	// Counts is false for another value that is expected: it was accepted, or adopted as it is.
	Counts bool
	// Interrupted says that the last write was interrupted, so it may have set the live value.
	Interrupted bool
	// Recent says that Workers may not have our last write yet.
	Recent bool
}

// UnverifiedReason is why nothing is known about a live value although it was to be verified.
type UnverifiedReason = proof.Reason

// The reasons.
const (
	// UnverifiedNotFound is a secret that does not exist.
	UnverifiedNotFound UnverifiedReason = proof.ReasonNotFound
	// UnverifiedScope is a secret without the scope of Workers.
	UnverifiedScope UnverifiedReason = proof.ReasonScope
	// UnverifiedNotBound is a secret that Cloudflare did not bind to the witness.
	UnverifiedNotBound UnverifiedReason = proof.ReasonNotBound
	// UnverifiedRejected is a secret whose value Cloudflare did not give to the witness.
	UnverifiedRejected UnverifiedReason = proof.ReasonRejected
	// UnverifiedTimeout is a value that did not arrive in time.
	UnverifiedTimeout UnverifiedReason = proof.ReasonTimeout
	// UnverifiedNotText is a value that is not text.
	UnverifiedNotText UnverifiedReason = proof.ReasonNotText
	// UnverifiedUnsettled is a value that another client may have replaced so recently that Workers
	// do not have the new one yet.
	UnverifiedUnsettled UnverifiedReason = proof.ReasonUnsettled
	// UnverifiedNoFingerprint is a secret without a fingerprint in the lockfile.
	UnverifiedNoFingerprint UnverifiedReason = proof.ReasonNoFingerprint
)

// Count counts the secrets with that value.
func (v *Verification) Count(value planner.LiveValue) int {
	n := 0
	for _, s := range v.Secrets {
		if s.Value == value {
			n++
		}
	}
	return n
}

// Mismatches counts the values that should match the lockfile and do not.
func (v *Verification) Mismatches() int {
	n := 0
	for _, s := range v.Secrets {
		if s.Value == planner.LiveOther && s.Counts {
			n++
		}
	}
	return n
}

// Verify proves for each recorded secret that the patterns name, or for all if there are none,
// whether the live value is the last applied one. It reads no values, and needs the fingerprint
// key. Patterns are as for [Run.FindAcceptable].
//
// An error means that nothing could be verified. If some accounts could not, the others are
// verified, and the verification has the error.
func (p *Project) Verify(ctx context.Context, patterns ...string) (*Verification, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkRecords(lock); err != nil {
		return nil, err
	}
	chosen := records.Keys(lock)
	if len(patterns) > 0 {
		if chosen, err = pattern.Choose(patterns, p.Lockfile(), chosen); err != nil {
			return nil, err
		}
	}
	key, err := p.findKey(ctx, lock)
	if err != nil {
		return nil, err
	}
	seen, in, err := p.seeRecorded(ctx, lock, chosen)
	if err != nil {
		return nil, err
	}
	f := p.askWitness(ctx, p.prover(lock, key, nil), in, func(v *planner.Versions) bool { return v.Recorded != nil })
	for account, err := range seen.Unread {
		f.Failed[account] = err
	}
	return p.verification(in, f, chosen), nil
}

// prover asks about values with the project's clients.
func (p *Project) prover(lock *lockfile.File, key secret.Key, wants map[planner.SecretKey]records.Want) proof.Prover {
	return proof.Prover{
		Previewer: func(id planner.AccountID) (Previewer, error) {
			a, err := p.account(id)
			if err != nil {
				return nil, err
			}
			if previewer, ok := a.(Previewer); ok {
				return previewer, nil
			}
			return nil, proof.ErrNoPreviews
		},
		Lock: lock, Key: key, Wants: wants, Now: p.now, Lag: p.lag(),
	}
}

// askWitness asks about values, and reports how far that is.
func (p *Project) askWitness(ctx context.Context, prover proof.Prover, in planner.Input, about func(*planner.Versions) bool) *proof.Findings {
	report, ended := p.progress(PhaseVerify)
	defer ended()
	prover.Progress = report
	return prover.Prove(ctx, in, about)
}

// lag is how long after a write Workers may read the value before it. Emulators' values do not lag.
func (p *Project) lag() time.Duration {
	if p.cfg.API.Loopback() {
		return 0
	}
	return planner.ValueLag
}

// verification describes what was found out about the chosen secrets.
func (p *Project) verification(in planner.Input, f *proof.Findings, chosen []planner.SecretKey) *Verification {
	found := map[planner.SecretKey]proof.Finding{}
	for _, x := range f.Secrets {
		found[x.Versions.Key] = x
	}
	v := &Verification{Time: p.now(), Failed: joinByAccount(f.Failed)}
	for _, k := range chosen {
		x, live := found[k]
		s := VerifiedSecret{Key: k, Value: x.Value, Reason: x.Reason, Counts: true}
		switch r, d := x.Versions.Recorded, x.Versions.Desired; {
		case !live && f.Failed[k.Store.Account] == nil:
			s.Value, s.Reason = planner.LiveUnreadable, UnverifiedNotFound
		case live:
			s.Interrupted, s.Recent = r.Pending != nil, x.Versions.JustWritten(in.Now, p.lag())
			s.Counts = !r.Accepted && (d == nil || d.Adopt != planner.AdoptKeep)
		}
		v.Secrets = append(v.Secrets, s)
	}
	return v
}

// joinByAccount joins errors, in the order of their accounts.
func joinByAccount(failed map[planner.AccountID]error) error {
	var errs []error
	for _, account := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, &VerifyError{account, failed[account]})
	}
	return errors.Join(errs...)
}

// VerifyError is why the values of an account could not be verified.
type VerifyError struct {
	Account planner.AccountID
	Err     error
}

func (e *VerifyError) Error() string { return fmt.Sprintf("account %s: %v", e.Account, e.Err) }

// Unwrap returns the cause.
func (e *VerifyError) Unwrap() error { return e.Err }

// prove returns an input's live stores with what can be proven about their values. A verification
// that fails leaves them unknown, as without it.
func (p *Project) prove(
	ctx context.Context, in planner.Input, lock *lockfile.File, d *desired, about func(*planner.Versions) bool,
) []planner.LiveStore {
	f := p.askWitness(ctx, p.prover(lock, d.key, d.secrets), in, about)
	for _, account := range slices.Sorted(maps.Keys(f.Failed)) {
		p.cfg.Notify(VerificationFailed{account, f.Failed[account]})
	}
	unread := map[UnverifiedReason][]planner.SecretKey{}
	for _, x := range f.Secrets {
		if x.Reason != "" {
			unread[x.Reason] = append(unread[x.Reason], x.Versions.Key)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(unread)) {
		p.cfg.Notify(ValuesUnverified{why, unread[why]})
	}
	return f.Live
}

// verify verifies the live values that a plan would make assumptions about, if that was requested.
// An apply always verifies the values for which the manifest requires it. It returns the live stores
// with what is known then.
func (p *Project) verify(ctx context.Context, in planner.Input, lock *lockfile.File, d *desired) []planner.LiveStore {
	switch {
	case d.mode.Keyless, d.destroy, len(d.rotate) > 0:
	case p.cfg.Verify:
		return p.prove(ctx, in, lock, d, func(v *planner.Versions) bool {
			return in.Options.Targeted(v.Key.Store, v.Key.Name) && v.InQuestion(in.Now)
		})
	case d.applied && d.verifiesToAdopt():
		return p.prove(ctx, in, lock, d, func(v *planner.Versions) bool {
			return in.Options.Targeted(v.Key.Store, v.Key.Name) && v.VerifyToAdopt()
		})
	}
	return in.Live
}

// verifiesToAdopt reports whether a secret is to be adopted only if its value is verified.
func (d *desired) verifiesToAdopt() bool {
	return slices.ContainsFunc(d.stores, func(st planner.DesiredStore) bool {
		return slices.ContainsFunc(st.Secrets, func(sec planner.DesiredSecret) bool { return sec.Adopt == planner.AdoptVerify })
	})
}

// verifyRecorded verifies the live values that a report without desired values would make
// assumptions about, if that was requested. It returns the live stores with what is known then.
func (p *Project) verifyRecorded(ctx context.Context, in planner.Input, lock *lockfile.File) []planner.LiveStore {
	if !p.cfg.Verify {
		return in.Live
	}
	key, err := p.findKey(ctx, lock)
	if err != nil {
		p.cfg.Notify(VerificationFailed{Err: err})
		return in.Live
	}
	return p.prove(ctx, in, lock, &desired{key: key}, func(v *planner.Versions) bool { return v.Recorded != nil && v.InQuestion(in.Now) })
}

// provePause is the pause before a value is verified once more that Workers did not have yet.
const provePause = 2 * time.Second

// Prove proves that Workers read the values that an apply of this run has sent, or kept under a new
// name. It waits up to [Config.Wait] until they do.
func (r *Run) Prove(ctx context.Context, p *Proposal, report *applier.Report) *Verification {
	end := time.Now().Add(r.project.cfg.Wait)
	var keys []planner.SecretKey
	for _, res := range report.Results {
		if a := res.Action; res.Outcome == applier.Done && (a.SetValue || a.Op == planner.OpRename) {
			keys = append(keys, a.Store.Secret(a.Secret))
		}
	}
	slices.SortFunc(keys, scope.CompareSecrets)
	v := r.proveOnce(ctx, p, keys)
	waited := false
	defer func() {
		if waited {
			r.project.cfg.Notify(WaitEnded{For: WaitWorkers})
		}
	}()
	for time.Now().Before(end) && v.Failed == nil {
		var left []planner.SecretKey
		for _, s := range v.Secrets {
			if s.Value == planner.LiveOther || s.Reason == UnverifiedNotFound || s.Reason == UnverifiedRejected {
				left = append(left, s.Key)
			}
		}
		if len(left) == 0 {
			break
		}
		waited = true
		r.project.cfg.Notify(Waiting{For: WaitWorkers, Secrets: len(left), Until: end})
		if pause.For(ctx, min(provePause, time.Until(end))) != nil {
			break
		}
		again := r.proveOnce(ctx, p, left)
		for _, s := range again.Secrets {
			i, _ := slices.BinarySearchFunc(v.Secrets, s.Key, func(x VerifiedSecret, k planner.SecretKey) int { return scope.CompareSecrets(x.Key, k) })
			if again.Failed == nil {
				v.Secrets[i] = s
			}
		}
		v.Time, v.Failed = again.Time, again.Failed
	}
	return v
}

// proveOnce compares the live values with the records of the run, without a list.
func (r *Run) proveOnce(ctx context.Context, p *Proposal, keys []planner.SecretKey) *Verification {
	lock := r.handle.File()
	in := planner.Input{Recorded: records.Stores(lock), Now: r.project.now()}
	in.Live = records.AsLive(in.Recorded)
	wanted := map[planner.SecretKey]bool{}
	for _, k := range keys {
		wanted[k] = true
	}
	f := r.project.askWitness(ctx, r.project.prover(lock, p.desired.key, nil), in, func(v *planner.Versions) bool { return wanted[v.Key] })
	return r.project.verification(in, f, keys)
}
