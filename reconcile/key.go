package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/compare"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// The environment variables about the fingerprint key, read with Config.LookupEnv.
const (
	// KeyVariable can hold the key: 32 bytes in base64.
	KeyVariable = keyring.Variable
	// KeyIDVariable can hold the id of the only accepted key, so that a pull request cannot
	// plant another one.
	KeyIDVariable = keyring.PinVariable
)

var (
	// ErrKeyUnavailable means that the lockfile's fingerprint key was not found, or that
	// another key was found in its place.
	ErrKeyUnavailable = keyring.ErrUnavailable
	// ErrKeyNotPinned means that [KeyIDVariable] allows another fingerprint key only.
	ErrKeyNotPinned = keyring.ErrNotPinned
)

// KeyStatus says where a lockfile's fingerprint key is, and whether it is the right one.
type KeyStatus = keyring.Status

// FindKey looks for the fingerprint key of a lockfile. It needs no manifest: it uses only
// Lockfile, SOPS and LookupEnv of Config.
func FindKey(ctx context.Context, c Config, key lockfile.Key) KeyStatus {
	return c.withDefaults().ring("", "").Status(ctx, key.ID, key.Sealed)
}

// FindKey looks for the fingerprint key of the project's lockfile.
func (p *Project) FindKey(ctx context.Context, key lockfile.Key) KeyStatus {
	return p.ring().Status(ctx, key.ID, key.Sealed)
}

// ring looks for the fingerprint key of the lockfile. A new key is sealed for the recipients
// that root's .sops.yaml names for the lockfile or the manifest.
func (c Config) ring(root, manifest string) keyring.Ring {
	dir := filepath.Dir(c.Lockfile)
	return keyring.Ring{
		Lockfile: c.Lockfile, LookupEnv: c.LookupEnv,
		Unseal: func(ctx context.Context, sealed []byte) (secret.Value, error) {
			return c.SOPS.Unseal(ctx, sealed, c.Lockfile)
		},
		Seal: func(ctx context.Context, key secret.Value) ([]byte, error) {
			sealed, recipients, err := c.SOPS.Seal(ctx, key, root, dir, c.Lockfile, manifest)
			if err == nil && sealed != nil {
				c.Notify(KeySealed{recipients})
				if _, err := c.SOPS.Unseal(ctx, sealed, c.Lockfile); err != nil {
					c.Notify(KeyNotOpened{err})
				}
			}
			return sealed, err
		},
		CheckSeal: func(ctx context.Context, static bool) error {
			if s, ok := c.SOPS.(SealChecker); ok {
				return s.CheckSeal(ctx, static, root, dir, c.Lockfile, manifest)
			}
			return nil
		},
	}
}

func (p *Project) ring() keyring.Ring { return p.cfg.ring(p.manifest.Root, p.manifest.File) }

// keyFiles are the files that the fingerprint key is read from.
func (c Config) keyFiles() []string {
	key := c.ring("", "").KeyFile()
	return []string{key, key + ".new"}
}

// identityFiles are the files with the keys that SOPS decrypts with.
func (c Config) identityFiles() []string {
	var files []string
	for _, variable := range []string{"SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"} {
		if file, _ := c.LookupEnv(variable); file != "" {
			files = append(files, file)
		}
	}
	return files
}

// KeyFile is the file of the fingerprint key if neither the environment nor the lockfile
// holds it.
func (p *Project) KeyFile() string { return p.ring().KeyFile() }

// findKey returns an unset key if none was created yet.
func (p *Project) findKey(ctx context.Context, lock *lockfile.File) (secret.Key, error) {
	key, err := p.ring().Find(ctx, lock.Key.ID, lock.Key.Sealed)
	if key.IsSet() {
		p.cfg.Guard.Know(key.Export())
	}
	return key, err
}

// checkPin refuses a lockfile under another key than the pinned one.
func (p *Project) checkPin(lock *lockfile.File) error {
	return p.ring().CheckPin(lock.Key.ID)
}

// ensureKey creates a fingerprint key if there is none. It returns the key, and the
// lockfile's description of it from the next write on.
func (p *Project) ensureKey(ctx context.Context, key secret.Key, recorded lockfile.Key) (secret.Key, lockfile.Key, error) {
	switch {
	case recorded.ID != "":
		return key, recorded, nil
	case key.IsSet():
		return key, lockfile.Key{ID: key.ID()}, nil
	}
	key, sealed, err := p.ring().Make(ctx)
	if err != nil {
		return key, recorded, err
	}
	p.cfg.Guard.Know(key.Export())
	created := KeyCreated{ID: key.ID()}
	if sealed == nil {
		created.File = p.ring().KeyFile()
	}
	p.cfg.Notify(created)
	return key, lockfile.Key{ID: key.ID(), Sealed: sealed}, nil
}

// checkNewKey returns the error that creating a fingerprint key would cause, if an apply had
// to create one. key is the key that was found. If keyless is set, as for validate and keyless
// plans, only mistakes in .sops.yaml count: another machine may have what this one lacks.
func (p *Project) checkNewKey(ctx context.Context, key secret.Key, recorded lockfile.Key, keyless bool) error {
	if recorded.ID != "" || key.IsSet() {
		return nil
	}
	if keyless && p.mayHaveKey(ctx) {
		return nil
	}
	return p.ring().CheckMake(ctx, keyless)
}

// mayHaveKey reports whether there is a key, or something in the place of one, outside the
// lockfile.
func (p *Project) mayHaveKey(ctx context.Context) bool {
	found, err := p.ring().Find(ctx, "", nil)
	return err != nil || found.IsSet()
}

// warnOfKey reports what may be a planted key: no fingerprint matches, another key is beside
// the lockfile, or nothing outside the repository names the project's key.
func (p *Project) warnOfKey(lock *lockfile.File, d *desired) {
	pinned, _ := p.cfg.LookupEnv(keyring.PinVariable)
	if pinned != "" || len(lock.Key.Sealed) == 0 || d.mode.Keyless {
		return
	}
	if c := &d.compared; c.Compared > 1 && c.Matched == 0 && len(c.Forged) == 0 {
		p.cfg.Notify(NoFingerprintMatches{Lockfile: p.Lockfile(), KeyID: lock.Key.ID, Compared: c.Compared})
	}
	if other := p.ring().Beside(lock.Key.ID); other != "" {
		p.cfg.Notify(OtherKey{File: p.ring().KeyFile(), FileKeyID: other, Lockfile: p.Lockfile(), KeyID: lock.Key.ID})
	}
	p.cfg.Notify(KeyNotPinned{lock.Key.ID})
}

// CreatedKey is the fingerprint key of a lockfile, and its location.
type CreatedKey struct {
	ID     string
	Status KeyStatus
	// Existed says whether the lockfile already had it.
	Existed bool
}

// CreateKey creates the fingerprint key and records it in the lockfile, unless there is one
// already.
func (r *Run) CreateKey(ctx context.Context) (CreatedKey, error) {
	lock := r.handle.File()
	key, err := r.project.findKey(ctx, lock)
	if err != nil {
		return CreatedKey{}, err
	}
	_, recorded, err := r.project.ensureKey(ctx, key, lock.Key)
	if err != nil {
		return CreatedKey{}, err
	}
	created := CreatedKey{ID: recorded.ID, Existed: lock.Key.ID != ""}
	if !created.Existed {
		if err := r.handle.Update(func(f *lockfile.File) { f.Key = recorded }); err != nil {
			return CreatedKey{}, err
		}
	}
	created.Status = r.project.FindKey(ctx, recorded)
	return created, nil
}

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
	// LostValueDiffers means that the available value is not the applied one.
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

// Rekey recomputes all fingerprints under another key: the key in the environment variable
// newKeyEnv, or a new random key if newKeyEnv is empty. It sends no request, and needs the old
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
