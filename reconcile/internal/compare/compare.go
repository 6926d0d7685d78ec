// Package compare finds out whether a manifest's values are the last applied ones, by the
// fingerprints and the ciphertexts in the lockfile.
package compare

import (
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// Comparison compares values with a lockfile, and counts what it finds.
type Comparison struct {
	Lock *lockfile.File
	// Key is the key of the fingerprints; unset if none was created yet.
	Key secret.Key
	// Keyless compares ciphertexts instead of values.
	Keyless bool
	// UnchangedFiles are the SOPS files with at least one ciphertext equal to the recorded
	// one: such a file was edited, not re-encrypted.
	UnchangedFiles map[string]bool

	// Forged are the secrets whose recorded fingerprint was not written by an apply.
	// Compared and Matched count the fingerprints that were compared with values, and those
	// that matched.
	Forged            map[planner.SecretKey]bool
	Compared, Matched int
}

// UnchangedFiles finds the SOPS files that were not re-encrypted as a whole. keys are the
// keys of the manifest's stores, in order.
func UnchangedFiles(
	m *manifest.Manifest, lock *lockfile.File, keys []planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved,
) map[string]bool {
	unchanged := map[string]bool{}
	for i, st := range m.Stores {
		for _, sec := range st.Secrets {
			c := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}].Ciphertext
			if r := records.Find(lock, keys[i].Secret(sec.Name)); r != nil && c.Digest != "" && r.Ciphertext == c.Digest {
				unchanged[c.File] = true
			}
		}
	}
	return unchanged
}

// State compares a value with the last applied one. If the secret does not exist yet, that
// is the value under its previous name.
func (c *Comparison) State(k planner.SecretKey, renamedFrom string, w records.Want) planner.ValueState {
	if renamedFrom != "" && !Exists(c.Lock, k) {
		k.Name = renamedFrom
	}
	r := records.Find(c.Lock, k)
	switch {
	case r == nil:
		return planner.ValueNew
	case w.Generate != nil && r.Source == w.Source: // only Cloudflare knows its value
		return planner.ValueSame
	case w.Generate != nil:
		return planner.ValueChanged
	case r.Fingerprint == "":
		return planner.ValueNew
	case c.Keyless:
		return c.ciphertextState(r, w)
	}
	return c.fingerprintState(k, r, w)
}

// Requested reports whether an interrupted creation asked for the value. A value that cannot
// be compared without keys counts as requested: an apply will know.
func (c *Comparison) Requested(k planner.SecretKey, w records.Want) bool {
	r := records.Find(c.Lock, k)
	if r == nil || r.Pending == nil {
		return false
	}
	switch p := r.Pending; {
	case w.Generate != nil:
		return p.Fingerprint == "" && r.Source == w.Source
	case c.Keyless:
		return w.Ciphertext.Digest == p.Ciphertext || w.Ciphertext.Digest == ""
	default:
		return c.Key.Matches(p.Fingerprint, records.Subject(k), w.Value)
	}
}

// fingerprintState also detects a fingerprint that does not match although the ciphertext is
// the recorded one. Both are always recorded together, so that fingerprint, or the key, was
// not written by an apply.
func (c *Comparison) fingerprintState(k planner.SecretKey, r *lockfile.Secret, w records.Want) planner.ValueState {
	c.Compared++
	if c.Key.Matches(r.Fingerprint, records.Subject(k), w.Value) {
		c.Matched++
		return planner.ValueSame
	}
	if w.Ciphertext.Digest != "" && r.Ciphertext == w.Ciphertext.Digest {
		if c.Forged == nil {
			c.Forged = map[planner.SecretKey]bool{}
		}
		c.Forged[k] = true
	}
	return planner.ValueChanged
}

// ciphertextState compares without a key. SOPS leaves the ciphertext of an unchanged value
// byte-identical, unless it encrypts the whole file again (docs/sops.md §2) or the value was
// different in between. A ciphertext from another place proves nothing, because SOPS binds
// it to its place.
func (c *Comparison) ciphertextState(r *lockfile.Secret, w records.Want) planner.ValueState {
	switch {
	case w.Ciphertext.Digest == "":
		return planner.ValueUnknown
	case w.Ciphertext.Digest == r.Ciphertext:
		return planner.ValueSame
	case c.UnchangedFiles[w.Ciphertext.File] && r.Source == w.Source:
		return planner.ValueEdited
	}
	return planner.ValueReencrypted
}

// ValueID identifies a value in plans.
func (c *Comparison) ValueID(k planner.SecretKey, w records.Want) string {
	keyed := ""
	if c.Key.IsSet() && w.Value.IsSet() {
		var replaces secret.Fingerprint
		if r := records.Find(c.Lock, k); r != nil {
			replaces = r.Fingerprint
		}
		keyed = c.Key.Digest(records.Subject(k), replaces, w.Value)
	}
	return planfile.ValueID(w.Ciphertext.Digest, keyed)
}

// Exists reports whether the record is of a secret that exists, not only of one that a
// rename is about to create.
func Exists(lock *lockfile.File, k planner.SecretKey) bool {
	r := records.Find(lock, k)
	return r != nil && (r.ID != "" || r.Pending == nil || r.Pending.Op != string(planner.OpRename))
}
