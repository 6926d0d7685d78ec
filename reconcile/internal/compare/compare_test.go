package compare

import (
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// What the tests of the engine's packages share, by short names.
const (
	account = enginetest.DefaultAccount
	other   = enginetest.OtherAccount
)

var (
	prod    = enginetest.Prod
	testKey = enginetest.Key
	equal   = enginetest.Equal
)

var stateNames = map[planner.ValueState]string{
	planner.ValueNew: "new", planner.ValueSame: "same", planner.ValueChanged: "changed", planner.ValueReencrypted: "re-encrypted",
	planner.ValueEdited: "edited", planner.ValueUnknown: "unknown",
}

func ciphertext(n int) manifest.Ciphertext {
	return manifest.Ciphertext{Digest: enginetest.Digest(n), File: "values.yaml"}
}

func drawn() secret.Value { return secret.New([]byte("drawn")) }

// TestValueState is the table of comparisons of a value, with and without keys. The records
// have the value "old", the source "env OLD" and the ciphertext 1.
func TestValueState(t *testing.T) {
	old, generated := enginetest.Applied("a", 0), enginetest.Applied("a", 0)
	generated.Source, generated.Ciphertext = "generate uuid", ""
	unnamed := old
	unnamed.Fingerprint = ""
	value := func(text, source string, n int) records.Want {
		w := records.Want{Value: secret.New([]byte(text)), Source: source}
		if n > 0 {
			w.Ciphertext = ciphertext(n)
		}
		return w
	}
	for _, tt := range []struct {
		name      string
		recorded  map[string]lockfile.Secret
		from      string // the previous name
		want      records.Want
		unchanged bool   // another ciphertext of the file is the recorded one
		state     string // with keys
		keyless   string
		forged    string // the name of the secret with a forged fingerprint
	}{
		{name: "not recorded", want: value("old", "env OLD", 1), state: "new", keyless: "new"},
		{
			name: "recorded without a fingerprint", recorded: map[string]lockfile.Secret{"a": unnamed},
			want: value("old", "env OLD", 1), state: "new", keyless: "new",
		},
		{
			name: "as it was", recorded: map[string]lockfile.Secret{"a": old},
			want: value("old", "env OLD", 1), state: "same", keyless: "same",
		},
		{
			name: "as it was, and in clear", recorded: map[string]lockfile.Secret{"a": old},
			want: value("old", "env OLD", 0), state: "same", keyless: "unknown",
		},
		{
			name: "another, and in clear", recorded: map[string]lockfile.Secret{"a": old},
			want: value("new", "env OLD", 0), state: "changed", keyless: "unknown",
		},
		{
			name: "as it was, encrypted again with its file", recorded: map[string]lockfile.Secret{"a": old},
			want: value("old", "env OLD", 2), state: "same", keyless: "re-encrypted",
		},
		{
			name: "another, encrypted again with its file", recorded: map[string]lockfile.Secret{"a": old},
			want: value("new", "env OLD", 2), state: "changed", keyless: "re-encrypted",
		},
		{
			name: "another, the rest of its file as it was", recorded: map[string]lockfile.Secret{"a": old},
			want: value("new", "env OLD", 2), unchanged: true, state: "changed", keyless: "edited",
		},
		{
			name: "at another place, in a file that is as it was", recorded: map[string]lockfile.Secret{"a": old},
			want: value("old", "env NEW", 2), unchanged: true, state: "same", keyless: "re-encrypted",
		},
		{
			name: "another under the recorded ciphertext: the fingerprint is forged", recorded: map[string]lockfile.Secret{"a": old},
			want: value("new", "env OLD", 1), state: "changed", keyless: "same", forged: "a",
		},
		{
			name: "in clear now and before: nothing is forged", recorded: map[string]lockfile.Secret{"a": {ID: "id-a", Fingerprint: old.Fingerprint}},
			want: value("new", "env OLD", 0), state: "changed", keyless: "unknown",
		},
		{
			name: "generated as before", recorded: map[string]lockfile.Secret{"a": generated},
			want: records.Want{Source: "generate uuid", Generate: drawn}, state: "same", keyless: "same",
		},
		{
			name: "generated in another way", recorded: map[string]lockfile.Secret{"a": generated},
			want: records.Want{Source: "generate 32 bytes hex", Generate: drawn}, state: "changed", keyless: "changed",
		},
		{name: "generated for the first time", want: records.Want{Source: "generate uuid", Generate: drawn}, state: "new", keyless: "new"},
		{
			name: "generated, and no longer", recorded: map[string]lockfile.Secret{"a": generated},
			want: value("new", "env NEW", 2), state: "changed", keyless: "re-encrypted",
		},
		{
			name: "renamed", recorded: map[string]lockfile.Secret{"before": enginetest.Applied("before", 0)}, from: "before",
			want: value("old", "env OLD", 1), state: "same", keyless: "same",
		},
		{
			name: "renamed, with another value", recorded: map[string]lockfile.Secret{"before": enginetest.Applied("before", 0)}, from: "before",
			want: value("new", "env OLD", 2), state: "changed", keyless: "re-encrypted",
		},
		{
			name: "renamed, and forged under its previous name", recorded: map[string]lockfile.Secret{"before": enginetest.Applied("before", 0)}, from: "before",
			want: value("new", "env OLD", 1), state: "changed", keyless: "same", forged: "before",
		},
		{
			name:     "renamed by an apply before: compared under its own name",
			recorded: map[string]lockfile.Secret{"a": old, "before": {ID: "id-b"}}, from: "before",
			want: value("old", "env OLD", 1), state: "same", keyless: "same",
		},
		{
			name: "rename that was interrupted: compared under the previous name",
			recorded: map[string]lockfile.Secret{
				"a": enginetest.Pending(lockfile.Secret{}, lockfile.Pending{Op: "rename"}), "before": enginetest.Applied("before", 0),
			}, from: "before",
			want: value("old", "env OLD", 1), state: "same", keyless: "same",
		},
		{
			name: "creation that was interrupted: compared under its own name",
			recorded: map[string]lockfile.Secret{
				"a": enginetest.Pending(lockfile.Secret{}, lockfile.Pending{Op: "create"}), "before": enginetest.Applied("before", 0),
			}, from: "before",
			want: value("old", "env OLD", 1), state: "new", keyless: "new",
		},
		{
			name:     "record without an id and without a pending write: compared under its own name",
			recorded: map[string]lockfile.Secret{"a": {}, "before": enginetest.Applied("before", 0)}, from: "before",
			want: value("old", "env OLD", 1), state: "new", keyless: "new",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lock := &lockfile.File{Key: lockfile.Key{ID: testKey.ID()}}
			for name, sec := range tt.recorded {
				lock.PutStore(records.LockKey(prod), "st1").PutSecret(name, sec)
			}
			for keyless, want := range map[bool]string{false: tt.state, true: tt.keyless} {
				c := &Comparison{Lock: lock, Keyless: keyless, UnchangedFiles: map[string]bool{"values.yaml": tt.unchanged}}
				w := tt.want
				if !keyless {
					c.Key = testKey
				}
				if got := stateNames[c.State(prod.Secret("a"), tt.from, w)]; got != want {
					t.Errorf("keyless %v: %s, want %s", keyless, got, want)
				}
				var forged map[planner.SecretKey]bool
				if tt.forged != "" && !keyless {
					forged = map[planner.SecretKey]bool{prod.Secret(tt.forged): true}
				}
				equal(t, "forged", c.Forged, forged)
			}
		})
	}
}

// The compared and the matching fingerprints are counted.
func TestComparedAndMatched(t *testing.T) {
	lock := &lockfile.File{}
	for _, name := range []string{"a", "b", "c"} {
		lock.PutStore(records.LockKey(prod), "st1").PutSecret(name, enginetest.Applied(name, 0))
	}
	c := &Comparison{Lock: lock, Key: testKey}
	for name, value := range map[string]string{"a": "old", "b": "old", "c": "new", "d": "old"} {
		c.State(prod.Secret(name), "", records.Want{Value: secret.New([]byte(value))})
	}
	equal(t, "compared and matched", []int{c.Compared, c.Matched}, []int{3, 2})
}

// A fingerprint is bound to one secret of one store of one account.
func TestFingerprintOfAnotherSecret(t *testing.T) {
	elsewhere := map[string]planner.SecretKey{
		"name": prod.Secret("b"), "store": {Store: planner.StoreKey{Account: account, Name: "b"}, Name: "a"},
		"account": {Store: planner.StoreKey{Account: other, Name: "prod"}, Name: "a"},
	}
	for what, k := range elsewhere {
		lock := &lockfile.File{}
		lock.PutStore(records.LockKey(k.Store), "st1").PutSecret(k.Name, enginetest.Applied("a", 0)) // copied from prod/a
		c := &Comparison{Lock: lock, Key: testKey}
		if got := c.State(k, "", records.Want{Value: secret.New([]byte("old"))}); got != planner.ValueChanged {
			t.Errorf("another %s: %s", what, stateNames[got])
		}
	}
}

// A file is unchanged if one of its ciphertexts is the recorded one.
func TestUnchangedFiles(t *testing.T) {
	m := &manifest.Manifest{Stores: []manifest.Store{
		{Label: "one", Name: "prod", Secrets: []manifest.Secret{{Label: "l-a", Name: "a"}, {Label: "l-b", Name: "b"}}},
		{Label: "two", Name: "second", Secrets: []manifest.Secret{{Label: "l-a", Name: "a"}}},
	}}
	second := planner.StoreKey{Account: account, Name: "second"}
	lock := &lockfile.File{}
	lock.PutStore(records.LockKey(prod), "st1").PutSecret("a", lockfile.Secret{Ciphertext: enginetest.Digest(1)})
	lock.PutStore(records.LockKey(prod), "st1").PutSecret("b", lockfile.Secret{Ciphertext: enginetest.Digest(2)})
	lock.PutStore(records.LockKey(second), "st2").PutSecret("a", lockfile.Secret{})
	in := func(file string, n int) manifest.Resolved {
		r := manifest.Resolved{Ciphertext: manifest.Ciphertext{File: file}}
		if n > 0 {
			r.Digest = enginetest.Digest(n)
		}
		return r
	}
	for name, tt := range map[string]struct {
		a, b, other manifest.Resolved
		want        map[string]bool
	}{
		"all as recorded":    {in("x", 1), in("y", 2), in("z", 3), map[string]bool{"x": true, "y": true}},
		"one of a file":      {in("x", 1), in("x", 3), in("z", 3), map[string]bool{"x": true}},
		"none":               {in("x", 2), in("x", 1), in("x", 1), map[string]bool{}},
		"without ciphertext": {in("", 0), in("", 0), in("", 0), map[string]bool{}},
	} {
		got := UnchangedFiles(m, lock, []planner.StoreKey{prod, second}, map[manifest.SecretRef]manifest.Resolved{
			{Store: "one", Secret: "l-a"}: tt.a, {Store: "one", Secret: "l-b"}: tt.b, {Store: "two", Secret: "l-a"}: tt.other,
		})
		equal(t, name, got, tt.want)
	}
}

// A plan identifies a value by its ciphertext, else by a digest under the key that differs
// after each apply, else not at all.
func TestValueID(t *testing.T) {
	lock := &lockfile.File{}
	c := &Comparison{Lock: lock, Key: testKey}
	id := func(w records.Want) string { return c.ValueID(prod.Secret("a"), w) }
	inClear := records.Want{Value: secret.New([]byte("v"))}
	equal(t, "with a ciphertext", id(records.Want{Value: inClear.Value, Ciphertext: ciphertext(1)}), enginetest.Digest(1))
	first := id(inClear)
	equal(t, "in clear", first, "hmac-sha256:"+testKey.Digest(records.Subject(prod.Secret("a")), "", inClear.Value))
	equal(t, "the value not available", id(records.Want{}), "unverified")

	f := enginetest.Applied("a", 0).Fingerprint
	lock.PutStore(records.LockKey(prod), "st1").PutSecret("a", lockfile.Secret{Fingerprint: f})
	again := id(inClear)
	equal(t, "in clear, after an apply", again, "hmac-sha256:"+testKey.Digest(records.Subject(prod.Secret("a")), f, inClear.Value))
	if again == first {
		t.Error("the digest is that of before the apply")
	}
	c.Key = secret.Key{}
	equal(t, "without a key", id(inClear), "unverified")
}

// TestRequested: whether an interrupted creation asked for the value that is wanted now. A value
// that cannot be compared without keys counts as requested.
func TestRequested(t *testing.T) {
	old := secret.New([]byte("old"))
	fingerprint := testKey.Fingerprint(records.Subject(prod.Secret("a")), old)
	asked := &lockfile.Pending{Op: "create", Fingerprint: fingerprint, Ciphertext: enginetest.Digest(1)}
	sealed := records.Want{Value: old, Ciphertext: ciphertext(1)}
	for _, tt := range []struct {
		name           string
		recorded       *lockfile.Secret
		want           records.Want
		keyed, keyless bool
	}{
		{"not recorded", nil, sealed, false, false},
		{"nothing pending", &lockfile.Secret{}, sealed, false, false},
		{"the same value", &lockfile.Secret{Pending: asked}, sealed, true, true},
		{"another value", &lockfile.Secret{Pending: asked}, records.Want{Value: secret.New([]byte("new")), Ciphertext: ciphertext(2)}, false, false},
		{"the same value, in clear now", &lockfile.Secret{Pending: asked}, records.Want{Value: old}, true, true},
		{"generated, from the same source", &lockfile.Secret{Source: "generate uuid", Pending: &lockfile.Pending{Op: "create"}},
			records.Want{Source: "generate uuid", Generate: drawn}, true, true},
		{"generated otherwise", &lockfile.Secret{Source: "generate uuid", Pending: &lockfile.Pending{Op: "create"}},
			records.Want{Source: "generate hex", Generate: drawn}, false, false},
		{"generated, and was not", &lockfile.Secret{Source: "generate uuid", Pending: asked},
			records.Want{Source: "generate uuid", Generate: drawn}, false, false},
	} {
		lock := &lockfile.File{}
		if tt.recorded != nil {
			lock.PutStore(records.LockKey(prod), "st1").PutSecret("a", *tt.recorded)
		}
		for keyless, want := range map[bool]bool{false: tt.keyed, true: tt.keyless} {
			c := &Comparison{Lock: lock, Keyless: keyless, Key: testKey}
			if got := c.Requested(prod.Secret("a"), tt.want); got != want {
				t.Errorf("%s, keyless %v: %v, want %v", tt.name, keyless, got, want)
			}
		}
	}
}
