package main

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// workspace is everything a plan is made from: the manifest's secrets with their
// values, and the lockfile. It alone knows both the values and the planner's view.
type workspace struct {
	*session
	lock    *lockfile.File
	key     secret.Key // unset where none was ever made
	wanted  map[planner.SecretKey]want
	desired []planner.DesiredStore
	options planner.Options
	// references are what the wrangler configurations bind.
	references []planner.Reference
	unbound    []planner.Position // configurations that could not be read
	// kept are the SOPS files of which a recorded ciphertext is unchanged: they were not
	// encrypted anew as a whole.
	kept map[string]bool
	// forged are secrets whose recorded fingerprint no apply wrote, and compared are
	// how many fingerprints were held against values, of which matched did match.
	forged            map[planner.SecretKey]bool
	compared, matched int
	// What the plan was made from.
	seen       planner.Input
	storeIDs   map[planner.StoreKey]planner.StoreID
	unread     map[planner.AccountID]bool
	liveDigest string
}

// subjectOf is what the fingerprint of a secret's value is bound to.
func subjectOf(k planner.SecretKey) secret.Subject {
	return secret.Subject{AccountID: string(k.Store.Account), Store: k.Store.Name, Secret: k.Name}
}

// want is a desired secret with what the planner does not need to know.
type want struct {
	value      secret.Value // unset without keys
	source     string
	ciphertext manifest.Ciphertext
	delete     bool
	generate   func() secret.Value // nil but for generated values
}

// prepare reads the values and compares them with the lockfile's fingerprints;
// without keys it compares their ciphertexts.
func (s *session) prepare(ctx context.Context, lock *lockfile.File) (*workspace, error) {
	if err := s.checkAPI(lock); err != nil {
		return nil, err
	}
	if err := s.checkPin(lock); err != nil { // keyless too: there a planted key is met first
		return nil, err
	}
	s.filter.Public(lockText(lock)...)
	w := &workspace{session: s, lock: lock, wanted: map[planner.SecretKey]want{}, forged: map[planner.SecretKey]bool{}, options: s.options()}
	references, unbound, bindings := s.references(lock) // first, for its warnings
	w.references, w.unbound = references, unbound
	values, err := s.values(ctx)
	if err := together(err, bindings); err != nil {
		return nil, err
	}
	if !s.flags.keyless {
		if w.key, err = s.findKey(ctx, lock); err != nil {
			return nil, err
		}
	}
	keys := make([]planner.StoreKey, len(s.manifest.Stores))
	for i, st := range s.manifest.Stores {
		if keys[i].Account, err = s.accountID(st, lock); err != nil {
			return nil, err
		}
		keys[i].Name = st.Name
	}
	w.kept = w.keptFiles(keys, values)
	for i, st := range s.manifest.Stores {
		w.addStore(st, keys[i], values)
	}
	w.warnOfKey()
	return w, w.checkDuplicates()
}

// values reads what the manifest wants; without keys only what can be told then.
func (s *session) values(ctx context.Context) (map[manifest.SecretRef]manifest.Resolved, error) {
	if !s.flags.keyless {
		values, err := s.manifest.Resolve(ctx)
		if err != nil {
			err = hint(err, "where values are not at hand, plan --keyless compares ciphertexts")
		}
		return values, err
	}
	known, err := s.manifest.Ciphertexts()
	values := map[manifest.SecretRef]manifest.Resolved{}
	for ref, c := range known {
		values[ref] = manifest.Resolved{Ciphertext: c}
	}
	return values, err
}

// keptFiles finds the SOPS files of which a ciphertext is the recorded one.
func (w *workspace) keptFiles(keys []planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved) map[string]bool {
	kept := map[string]bool{}
	for i, st := range w.manifest.Stores {
		for _, sec := range st.Secrets {
			c := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}].Ciphertext
			if r := w.record(keys[i].Secret(sec.Name)); r != nil && c.Digest != "" && r.Ciphertext == c.Digest {
				kept[c.File] = true
			}
		}
	}
	return kept
}

// checkAPI keeps a lockfile made against an emulator and one made against
// Cloudflare apart: mixed up, each would look to the other as if all was deleted.
func (s *session) checkAPI(lock *lockfile.File) error {
	if len(lock.Stores) == 0 || lock.API == s.apiKind() || s.flags.offline {
		return nil
	}
	made, now := "Cloudflare", "an emulator"
	if lock.API != "" {
		made, now = now, made
	}
	return hint(fmt.Errorf("%s was made against %s, and this run talks to %s", s.lockPath, made, now),
		"give another lockfile with --lockfile, or leave --emulator and the API address as they were")
}

func (s *session) apiKind() string {
	if s.loopback {
		return lockfile.APILoopback
	}
	return ""
}

func (w *workspace) addStore(st manifest.Store, key planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved) {
	d := desiredStore(st, key)
	for _, sec := range st.Secrets {
		resolved := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}]
		ref := key.Secret(sec.Name)
		wanted := want{value: resolved.Value, source: sec.Source.String(), ciphertext: resolved.Ciphertext, delete: sec.Delete}
		p := desiredSecret(sec)
		if p.Adopt == "" {
			p.Adopt = planner.AdoptPolicy(w.flags.adopt)
		}
		if p.Generated {
			wanted.generate = sec.Source.Generate.Value
		}
		p.Value = w.valueState(ref, sec.RenamedFrom, wanted, w.flags.keyless)
		p.ValueID = w.valueID(ref, wanted)
		w.wanted[ref] = wanted
		d.Secrets = append(d.Secrets, p)
	}
	w.desired = append(w.desired, d)
}

// wipe overwrites the values, as far as they can be reached.
func (w *workspace) wipe() {
	for _, wanted := range w.wanted {
		wanted.value.Wipe()
	}
}

// desiredStore is a store of the manifest as the planner sees it, without its secrets.
func desiredStore(st manifest.Store, key planner.StoreKey) planner.DesiredStore {
	return planner.DesiredStore{
		Key: key, Prefix: st.Prefix, Unmanaged: planner.UnmanagedPolicy(st.Unmanaged), Delete: st.Delete, Pos: st.Pos,
	}
}

// desiredSecret is a secret of the manifest as the planner sees it, its value not
// yet compared.
func desiredSecret(sec manifest.Secret) planner.DesiredSecret {
	return planner.DesiredSecret{
		Name: sec.Name, Scopes: sec.Scopes, Comment: sec.Comment, Source: sec.Source.String(), Delete: sec.Delete,
		Adopt: planner.AdoptPolicy(sec.Adopt), RenamedFrom: sec.RenamedFrom, RotateAfter: sec.RotateAfter, External: sec.External,
		SourceDigest: sec.Source.Digest(), Generated: sec.Source.Kind == manifest.SourceGenerate, Pos: sec.Pos,
	}
}

// valueState compares a value with the one last applied; of a secret that is not there
// yet, with the one under the name that it had.
func (w *workspace) valueState(ref planner.SecretKey, renamedFrom string, wanted want, keyless bool) planner.ValueState {
	if renamedFrom != "" && !w.made(ref) {
		ref.Name = renamedFrom
	}
	return w.compare(ref, wanted, keyless)
}

// compare holds a value against the fingerprint that the lockfile has of it. A
// generated value is compared by what it was drawn as: nobody knows it any more.
func (w *workspace) compare(ref planner.SecretKey, wanted want, keyless bool) planner.ValueState {
	r := w.record(ref)
	switch {
	case r == nil:
		return planner.ValueNew
	case wanted.generate != nil && r.Source == wanted.source:
		return planner.ValueSame
	case wanted.generate != nil:
		return planner.ValueChanged
	case r.Fingerprint == "":
		return planner.ValueNew
	case keyless:
		return w.compareCiphertext(r, wanted.ciphertext, wanted.source)
	}
	return w.compareFingerprint(ref, r, wanted)
}

// compareFingerprint also finds fingerprints that do not match although the ciphertext is
// the recorded one, so that the value is too. The two are always recorded together: such a
// fingerprint, or the key, is not what an apply wrote.
func (w *workspace) compareFingerprint(ref planner.SecretKey, r *lockfile.Secret, wanted want) planner.ValueState {
	w.compared++
	if w.key.Matches(r.Fingerprint, subjectOf(ref), wanted.value) {
		w.matched++
		return planner.ValueSame
	}
	if wanted.ciphertext.Digest != "" && r.Ciphertext == wanted.ciphertext.Digest {
		w.forged[ref] = true
	}
	return planner.ValueChanged
}

// compareCiphertext compares without a key. SOPS leaves the ciphertext of an unchanged
// value as it is, unless it encrypts the whole file anew (docs/sops.md §8), or the value was
// another in between. A ciphertext from another place says nothing: SOPS binds it to its
// key.
func (w *workspace) compareCiphertext(r *lockfile.Secret, c manifest.Ciphertext, source string) planner.ValueState {
	switch {
	case c.Digest == "":
		return planner.ValueUnknown
	case c.Digest == r.Ciphertext:
		return planner.ValueSame
	case w.kept[c.File] && r.Source == source:
		return planner.ValueEdited
	}
	return planner.ValueReencrypted
}

// valueID is what stands for a value in plans.
func (w *workspace) valueID(ref planner.SecretKey, wanted want) string {
	keyed := ""
	if w.key.IsSet() && wanted.value.IsSet() {
		var replaces secret.Fingerprint
		if r := w.record(ref); r != nil {
			replaces = r.Fingerprint
		}
		keyed = w.key.Digest(subjectOf(ref), replaces, wanted.value)
	}
	return planfile.ValueID(wanted.ciphertext.Digest, keyed)
}

// made reports whether a secret is recorded as there: not merely as about to be.
func (w *workspace) made(ref planner.SecretKey) bool {
	r := w.record(ref)
	return r != nil && (r.ID != "" || r.Pending == nil || r.Pending.Op != string(planner.OpRename))
}

func (w *workspace) record(ref planner.SecretKey) *lockfile.Secret {
	return w.lock.Stores[lockStore(ref.Store)].Secret(ref.Name)
}

// checkDuplicates finds secrets that two stores of the manifest make one in Cloudflare.
func (w *workspace) checkDuplicates() error {
	seen := map[planner.SecretKey]planner.Position{}
	var errs syntax.ErrorList
	for _, d := range w.desired {
		for _, sec := range d.Secrets {
			ref := d.Key.Secret(sec.Name)
			if first, ok := seen[ref]; ok {
				errs.Add(sec.Pos, "", "secret %q of store %q is described at %s already", sec.Name, d.Key.Name, first)
				continue
			}
			seen[ref] = sec.Pos
		}
	}
	return errs.Err()
}
