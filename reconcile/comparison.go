package reconcile

import (
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// comparison compares the values that the manifest wants with the lockfile's fingerprints.
type comparison struct {
	desired        *desired // receives the findings
	lock           *lockfile.File
	unchangedFiles map[string]bool
}

// unchangedFiles finds the SOPS files that were not re-encrypted as a whole. keys are the
// keys of the manifest's stores, in order.
func unchangedFiles(m *manifest.Manifest, lock *lockfile.File, keys []planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved) map[string]bool {
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

// store returns a store of the manifest as the planner reads it, with its values compared.
func (c *comparison) store(st manifest.Store, key planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved, adopt planner.AdoptPolicy) planner.DesiredStore {
	d := desiredStore(st, key)
	for _, sec := range st.Secrets {
		resolved := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}]
		k := key.Secret(sec.Name)
		w := records.Want{Value: resolved.Value, Source: sec.Source.String(), Ciphertext: resolved.Ciphertext, Delete: sec.Delete}
		p := desiredSecret(sec)
		if p.Adopt == "" {
			p.Adopt = adopt
		}
		if p.Generated {
			w.Generate = sec.Source.Generate.Value
		}
		p.Value = c.state(k, sec.RenamedFrom, w)
		p.ValueID, p.Requested = c.valueID(k, w), c.requested(k, w)
		c.desired.secrets[k] = w
		d.Secrets = append(d.Secrets, p)
	}
	return d
}

// state compares a value with the last applied one. If the secret does not exist yet, that
// is the value under its previous name.
func (c *comparison) state(k planner.SecretKey, renamedFrom string, w records.Want) planner.ValueState {
	if renamedFrom != "" && !exists(c.lock, k) {
		k.Name = renamedFrom
	}
	r := records.Find(c.lock, k)
	switch {
	case r == nil:
		return planner.ValueNew
	case w.Generate != nil && r.Source == w.Source: // only Cloudflare knows its value
		return planner.ValueSame
	case w.Generate != nil:
		return planner.ValueChanged
	case r.Fingerprint == "":
		return planner.ValueNew
	case c.desired.mode.Keyless:
		return c.ciphertextState(r, w)
	}
	return c.fingerprintState(k, r, w)
}

// requested reports whether an interrupted creation asked for the value. What cannot be
// compared without keys counts as such: an apply will know.
func (c *comparison) requested(k planner.SecretKey, w records.Want) bool {
	r := records.Find(c.lock, k)
	if r == nil || r.Pending == nil {
		return false
	}
	switch p := r.Pending; {
	case w.Generate != nil:
		return p.Fingerprint == "" && r.Source == w.Source
	case c.desired.mode.Keyless:
		return w.Ciphertext.Digest == p.Ciphertext || w.Ciphertext.Digest == ""
	default:
		return c.desired.key.Matches(p.Fingerprint, records.Subject(k), w.Value)
	}
}

// fingerprintState also detects a fingerprint that does not match although the ciphertext is
// the recorded one. Both are always recorded together, so that fingerprint, or the key, was
// not written by an apply.
func (c *comparison) fingerprintState(k planner.SecretKey, r *lockfile.Secret, w records.Want) planner.ValueState {
	d := c.desired
	d.compared++
	if d.key.Matches(r.Fingerprint, records.Subject(k), w.Value) {
		d.matched++
		return planner.ValueSame
	}
	if w.Ciphertext.Digest != "" && r.Ciphertext == w.Ciphertext.Digest {
		d.forged[k] = true
	}
	return planner.ValueChanged
}

// ciphertextState compares without a key. SOPS leaves the ciphertext of an unchanged value
// byte-identical, unless it encrypts the whole file again (docs/sops.md §2) or the value was
// different in between. A ciphertext from another place proves nothing, because SOPS binds
// it to its place.
func (c *comparison) ciphertextState(r *lockfile.Secret, w records.Want) planner.ValueState {
	switch {
	case w.Ciphertext.Digest == "":
		return planner.ValueUnknown
	case w.Ciphertext.Digest == r.Ciphertext:
		return planner.ValueSame
	case c.unchangedFiles[w.Ciphertext.File] && r.Source == w.Source:
		return planner.ValueEdited
	}
	return planner.ValueReencrypted
}

// valueID identifies a value in plans.
func (c *comparison) valueID(k planner.SecretKey, w records.Want) string {
	keyed := ""
	if c.desired.key.IsSet() && w.Value.IsSet() {
		var replaces secret.Fingerprint
		if r := records.Find(c.lock, k); r != nil {
			replaces = r.Fingerprint
		}
		keyed = c.desired.key.Digest(records.Subject(k), replaces, w.Value)
	}
	return planfile.ValueID(w.Ciphertext.Digest, keyed)
}

// exists reports whether the record is of a secret that exists, not only of one that a
// rename is about to create.
func exists(lock *lockfile.File, k planner.SecretKey) bool {
	r := records.Find(lock, k)
	return r != nil && (r.ID != "" || r.Pending == nil || r.Pending.Op != string(planner.OpRename))
}
