package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/compare"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
	"github.com/secretsync/secretsync/reconcile/internal/wanted"
)

// Mode says how much a plan may read.
type Mode struct {
	// Keyless compares ciphertexts instead of values. It needs no key.
	Keyless bool
	// Offline takes the live state from the lockfile, and sends no request.
	Offline bool
}

// ValuesError means that values could not be read.
type ValuesError struct{ Err error }

func (e *ValuesError) Error() string { return e.Err.Error() }

// Unwrap returns the mistakes.
func (e *ValuesError) Unwrap() error { return e.Err }

// desired is the manifest's side of a plan: the stores in the planner's form and, by key, the
// values and other facts that the planner must not know.
type desired struct {
	mode    Mode
	rotate  []string // limit the plan to rotations of what these globs match
	destroy bool     // nothing is desired, on request
	applied bool     // the plan is to be applied
	stores  []planner.DesiredStore
	secrets map[planner.SecretKey]records.Want
	key     secret.Key // unset if none was created yet
	// references are the bindings in the wrangler configurations; unread are the
	// configurations that could not be read.
	references []planner.Reference
	unread     []planner.Position
	// compared are the values, compared with the lockfile.
	compared compare.Comparison
}

// desire reads the values and compares them with the lockfile's fingerprints. Without keys
// it compares their ciphertexts.
func (p *Project) desire(ctx context.Context, lock *lockfile.File, mode Mode) (*desired, error) {
	if err := p.checkLock(lock, mode); err != nil {
		return nil, err
	}
	p.cfg.Guard.Public(shown.Lockfile(lock)...)
	p.watchRecipients(lock)
	d := &desired{mode: mode, secrets: map[planner.SecretKey]records.Want{}}
	var bound, err error
	d.references, d.unread, bound = p.references(lock) // first, for its events
	values, err := p.values(ctx, mode)
	if unreadable := err != nil && !mode.Keyless; err != nil || bound != nil {
		if err = hint.Join(err, bound); unreadable {
			err = &ValuesError{err}
		}
		return nil, err
	}
	p.noteValues(values)
	if !mode.Keyless {
		if d.key, err = p.findKey(ctx, lock); err != nil {
			return nil, err
		}
	}
	keys := make([]planner.StoreKey, len(p.manifest.Stores))
	for i, st := range p.manifest.Stores {
		if keys[i].Account, err = p.accountID(st, lock, mode.Offline); err != nil {
			return nil, err
		}
		keys[i].Name = st.Name
	}
	d.compared = compare.Comparison{
		Lock: lock, Key: d.key, Keyless: mode.Keyless, UnchangedFiles: compare.UnchangedFiles(p.manifest, lock, keys, values),
	}
	for i, st := range p.manifest.Stores {
		d.stores = append(d.stores, d.store(st, keys[i], values, p.cfg.Adopt))
	}
	p.warnOfKey(lock, d)
	return d, wanted.CheckDuplicates(d.stores)
}

// store returns a store of the manifest as the planner reads it, with its values compared.
func (d *desired) store(
	st manifest.Store, key planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved, adopt planner.AdoptPolicy,
) planner.DesiredStore {
	out := wanted.Store(st, key)
	for _, sec := range st.Secrets {
		resolved := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}]
		k := key.Secret(sec.Name)
		w := records.Want{Value: resolved.Value, Source: sec.Source.String(), Ciphertext: resolved.Ciphertext, Delete: sec.Delete}
		p := wanted.Secret(sec)
		if p.Adopt == "" {
			p.Adopt = adopt
		}
		if p.Generated {
			w.Generate = sec.Source.Generate.Value
		}
		p.Value = d.compared.State(k, sec.RenamedFrom, w)
		p.ValueID, p.Requested = d.compared.ValueID(k, w), d.compared.Requested(k, w)
		d.secrets[k] = w
		out.Secrets = append(out.Secrets, p)
	}
	return out
}

// checkLock refuses a lockfile of another API, and one with a planted key. The keyless plan of a
// pull request is the first to see such a key.
func (p *Project) checkLock(lock *lockfile.File, mode Mode) error {
	if !mode.Offline {
		if err := p.checkAPI(lock); err != nil {
			return err
		}
	}
	return p.checkPin(lock)
}

// ErrNoRecords means that nothing was ever applied with the lockfile.
var ErrNoRecords = errors.New("has no records: nothing was applied with it")

// checkRecords refuses a lockfile without records, and whatever checkLock refuses.
func (p *Project) checkRecords(lock *lockfile.File) error {
	if len(lock.Stores) == 0 {
		return fmt.Errorf("%s %w", p.Lockfile(), ErrNoRecords)
	}
	return p.checkLock(lock, Mode{})
}

// values reads the desired values; without keys only the digests of their ciphertexts.
func (p *Project) values(ctx context.Context, mode Mode) (map[manifest.SecretRef]manifest.Resolved, error) {
	if !mode.Keyless {
		total := 0
		for _, st := range p.manifest.Stores {
			total += len(st.Secrets)
		}
		report, ended := p.progress(PhaseValues)
		defer ended()
		report("", 0, total)
		return p.manifest.Resolve(ctx)
	}
	known, err := p.manifest.Ciphertexts()
	values := map[manifest.SecretRef]manifest.Resolved{}
	for ref, c := range known {
		values[ref] = manifest.Resolved{Ciphertext: c}
	}
	return values, err
}

// noteValues reports remarks about values, in the manifest's order and each once.
func (p *Project) noteValues(values map[manifest.SecretRef]manifest.Resolved) {
	noted := map[manifest.Position]bool{}
	for _, st := range p.manifest.Stores {
		for _, sec := range st.Secrets {
			note := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}].Note
			if note != nil && !noted[note.Pos] {
				noted[note.Pos] = true
				p.cfg.Notify(ManifestWarning{note})
			}
		}
	}
}

// wipe overwrites the values, where Go allows it.
func (d *desired) wipe() {
	for _, w := range d.secrets {
		w.Value.Wipe()
	}
}

// generate generates the values that the plan sends.
func (d *desired) generate(p *planner.Plan, know func(secret.Value)) {
	for _, a := range p.Actions {
		key := a.Store.Secret(a.Secret)
		if w := d.secrets[key]; a.SetValue && w.Generate != nil {
			w.Value = w.Generate()
			know(w.Value)
			d.secrets[key] = w
		}
	}
}

// keyless returns stores that were compared with a key in the form that a comparison without a
// key would give.
func (d *desired) keyless(lock *lockfile.File, stores []planner.DesiredStore) []planner.DesiredStore {
	c := &compare.Comparison{Lock: lock, Keyless: true, UnchangedFiles: d.compared.UnchangedFiles}
	stores = slices.Clone(stores)
	for i := range stores {
		st := &stores[i]
		st.Secrets = slices.Clone(st.Secrets)
		for j := range st.Secrets {
			sec := &st.Secrets[j]
			w := d.secrets[st.Key.Secret(sec.Name)]
			sec.Value = c.State(st.Key.Secret(sec.Name), sec.RenamedFrom, w)
			sec.ValueID = planfile.ValueID(w.Ciphertext.Digest, "")
		}
	}
	return stores
}
