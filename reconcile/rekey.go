package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/compare"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// Rekeyed is the result of changing the fingerprint key.
type Rekeyed struct {
	// Key is the new key, as the lockfile names it.
	Key lockfile.Key
	// Kept is the number of records with a fingerprint under the new key.
	Kept int
	// Lost are the others.
	Lost []LostFingerprint
}

// LostFingerprint is a record whose value can no longer be compared.
type LostFingerprint struct {
	Secret planner.SecretKey
	Reason LostReason
}

// LostReason is why a fingerprint was lost.
type LostReason int

// The reasons.
const (
	// LostValueDiffers means that the available value is not the one that was applied.
	LostValueDiffers LostReason = iota
	// LostNoValue means that the manifest supplies no value for the secret.
	LostNoValue
	// LostForged means that no apply recorded this fingerprint under the old key.
	LostForged
	// LostGenerated means that the value was generated, so only Cloudflare has it.
	LostGenerated
)

// ErrNoKey means that the lockfile has no fingerprint key.
var ErrNoKey = errors.New("has no fingerprint key to change")

// Rekey recomputes all fingerprints under another key: the one in the environment variable
// newKeyEnv, or a new random one if that is empty. It sends no request, and needs the old
// key and the values.
func (r *Run) Rekey(ctx context.Context, newKeyEnv string) (*Rekeyed, error) {
	lock := r.handle.File()
	if lock.Key.ID == "" {
		return nil, fmt.Errorf("%s %w", r.project.Lockfile(), ErrNoKey)
	}
	if err := r.project.checkAPI(lock); err != nil {
		return nil, err
	}
	d, err := r.project.desire(ctx, lock, Mode{Offline: true}) // no request is sent: the lockfile's account is enough
	if err != nil {
		return nil, err
	}
	defer d.wipe()
	k := &rekeying{handle: r.handle, desired: d, values: d.recordedValues(lock), know: r.project.cfg.Guard.Know}
	ring := r.project.ring()
	if newKeyEnv == "" {
		if err := ring.Replace(ctx, d.key, k.save); err != nil {
			return nil, err
		}
		return &k.result, nil
	}
	key, err := ring.FromEnv(newKeyEnv)
	if err != nil {
		return nil, err
	}
	if key.ID() == lock.Key.ID {
		return nil, fmt.Errorf("%s holds the key that %s has already", newKeyEnv, r.project.Lockfile())
	}
	if err := k.save(key, nil); err != nil {
		return nil, err
	}
	return &k.result, nil
}

// rekeying is a key change in progress.
type rekeying struct {
	handle  *lockfile.Handle
	desired *desired
	values  map[planner.SecretKey]secret.Value
	know    func(secret.Value)
	result  Rekeyed
}

// save writes the lockfile, with all fingerprints under the new key.
func (k *rekeying) save(key secret.Key, sealed []byte) error {
	k.know(key.Export())
	k.result = Rekeyed{Key: lockfile.Key{ID: key.ID(), Sealed: sealed}}
	return k.handle.Update(func(f *lockfile.File) {
		f.Key = k.result.Key
		for store, st := range f.All() {
			for name, sec := range st.All() {
				if sec.Fingerprint != "" {
					sec.Fingerprint = k.fingerprint(key, records.PlanKey(store).Secret(name), sec.Fingerprint)
				}
				if p := sec.Pending; p != nil && p.Fingerprint != "" {
					p.Fingerprint = k.pending(key, records.PlanKey(store).Secret(name), p.Fingerprint)
				}
			}
		}
	})
}

// fingerprint is the new fingerprint of a secret; empty if the old one does not match the
// value that the manifest supplies.
func (k *rekeying) fingerprint(key secret.Key, of planner.SecretKey, old secret.Fingerprint) secret.Fingerprint {
	value, wanted := k.values[of]
	reason := LostValueDiffers
	switch {
	case value.IsSet() && k.desired.key.Matches(old, records.Subject(of), value):
		k.result.Kept++
		return key.Fingerprint(records.Subject(of), value)
	case !wanted:
		reason = LostNoValue
	case k.desired.compared.Forged[of]:
		reason = LostForged
	case k.desired.secrets[of].Generate != nil:
		reason = LostGenerated
	}
	k.result.Lost = append(k.result.Lost, LostFingerprint{of, reason})
	return ""
}

// pending is the new fingerprint of the value that an interrupted creation sent; empty if the
// manifest has another one by now.
func (k *rekeying) pending(key secret.Key, of planner.SecretKey, old secret.Fingerprint) secret.Fingerprint {
	if value := k.values[of]; value.IsSet() && k.desired.key.Matches(old, records.Subject(of), value) {
		return key.Fingerprint(records.Subject(of), value)
	}
	return ""
}

// recordedValues are the manifest's values under the names of the lockfile: a secret that is
// still to be renamed has its previous name there.
func (d *desired) recordedValues(lock *lockfile.File) map[planner.SecretKey]secret.Value {
	values := map[planner.SecretKey]secret.Value{}
	for _, st := range d.stores {
		for _, sec := range st.Secrets {
			k := st.Key.Secret(sec.Name)
			if sec.External {
				continue
			}
			values[k] = d.secrets[k].Value
			if sec.RenamedFrom != "" && !compare.Exists(lock, k) {
				values[st.Key.Secret(sec.RenamedFrom)] = d.secrets[k].Value
			}
		}
	}
	return values
}
