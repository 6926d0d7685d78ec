package reconcile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// desire reads what the manifest wants.
func (w *world) desire(mode Mode, changes ...func(*Config)) *desired {
	w.t.Helper()
	d, err := w.open(changes...).desire(w.t.Context(), w.disk(), mode)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// The planner receives everything in a manifest except the values.
func TestDesire(t *testing.T) {
	w := newWorld(t, `stores:
  prod:
    name: production
    prefix: p-
    delete: true
    unmanaged: fail
    secrets:
      a: {from: {sops: values.yaml, key: a}, scopes: [workers, access], comment: told, renamed_from: z, delete: false, rotate_after: 30d}
      drawn: {generate: {encoding: uuid}, adopt: keep}
      theirs: {external: true}
`)
	w.write("values.yaml", "a: va n1\n")
	d := w.desire(Mode{}, func(c *Config) { c.Adopt = planner.AdoptOverwrite })
	for i := range d.stores {
		d.stores[i].Pos = planner.Position{}
		for j := range d.stores[i].Secrets {
			d.stores[i].Secrets[j].Pos = planner.Position{}
		}
	}
	equal(t, "stores", d.stores, []planner.DesiredStore{{
		Key: planner.StoreKey{Account: account, Name: "production"}, Prefix: "p-", Delete: true, Unmanaged: planner.UnmanagedFail,
		Secrets: []planner.DesiredSecret{
			{
				Name: "p-a", Scopes: []string{"access", "workers"}, Comment: new("told"), RenamedFrom: "p-z", RotateAfter: 30 * 24 * time.Hour,
				Source: "sops values.yaml#a", Value: planner.ValueNew, ValueID: digestOf("va", "n1"), Adopt: planner.AdoptOverwrite,
			},
			{
				Name: "p-drawn", Scopes: []string{"workers"}, Source: "generate uuid", Generated: true, Delete: true,
				Value: planner.ValueNew, ValueID: "unverified", Adopt: planner.AdoptKeep,
			},
			{Name: "p-theirs", Scopes: []string{"workers"}, External: true, Value: planner.ValueNew, ValueID: "unverified", Adopt: planner.AdoptOverwrite, Delete: true},
		},
	}})
	key := planner.StoreKey{Account: account, Name: "production"}
	a := d.secrets[key.Secret("p-a")]
	equal(t, "the value", string(a.Value.Reveal()), "va")
	equal(t, "where it is from", []any{a.Source, a.Ciphertext, a.Delete}, []any{
		"sops values.yaml#a", manifest.Ciphertext{Digest: digestOf("va", "n1"), File: w.path("values.yaml")}, false,
	})
	if d.secrets[key.Secret("p-drawn")].Generate == nil || a.Generate != nil {
		t.Error("want a generator of p-drawn alone")
	}

	d.wipe()
	equal(t, "the value after wipe", string(a.Value.Reveal()), "\x00\x00")
}

// Without keys, no value is read and no key is looked for.
func TestDesireKeyless(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, b: {from: {env: UNSET}}}}}\n")
	w.write("values.yaml", "a: va n1\n")
	w.env[keyring.Variable] = "no key"
	d := w.desire(Mode{Keyless: true})
	if len(d.secrets) != 2 || d.key.IsSet() {
		t.Errorf("%d secrets, a key: %v", len(d.secrets), d.key.IsSet())
	}
	for k, v := range d.secrets {
		if v.Value.IsSet() {
			t.Errorf("the value of %s was read", k.Name)
		}
	}
	equal(t, "ids", []string{d.stores[0].Secrets[0].ValueID, d.stores[0].Secrets[1].ValueID}, []string{digestOf("va", "n1"), "unverified"})
}

func TestDesireFails(t *testing.T) {
	const one = "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n"
	sops := strings.Replace(one, "env: A", "sops: gone.yaml, key: a", 1)
	strict := "safety: {strict_bindings: true}\nworkers: [wrangler.jsonc]\n"
	var values *ValuesError
	for _, tt := range []struct {
		name, manifest string
		mode           Mode
		change         func(*world)
		unreadable     bool // the error is a ValuesError
		texts          []string
	}{
		{"value not available", one, Mode{}, func(*world) {}, true, []string{`"A"`}},
		{"file gone", sops, Mode{}, func(*world) {}, true, []string{"gone.yaml"}},
		{"file gone, without keys", sops, Mode{Keyless: true}, func(*world) {}, false, []string{"gone.yaml"}},
		{"key broken", one, Mode{}, func(w *world) { w.env["A"], w.env[keyring.Variable] = "va", "x" }, false, []string{"not a fingerprint key"}},
		{"no account", one, Mode{}, func(w *world) { w.env["A"], w.api.Default = "va", "" }, false, []string{"no Cloudflare account is set"}},
		{
			"bindings unreadable and strict, and a value not available", strict + one, Mode{},
			func(w *world) { w.write("wrangler.jsonc", "{") }, true, []string{`"A"`, "wrangler.jsonc"},
		},
		{
			"bindings unreadable and strict", strict + one, Mode{},
			func(w *world) { w.env["A"] = "va"; w.write("wrangler.jsonc", "{") }, false, []string{"wrangler.jsonc"},
		},
		{
			"one secret of two entries",
			"accounts: {same: {id: " + string(account) + "}}\n" +
				"stores:\n  one: {name: prod, secrets: {a: {from: {env: A}}}}\n  two: {name: prod, account: same, secrets: {a: {from: {env: A}}}}\n",
			Mode{}, func(w *world) { w.env["A"] = "va" }, false, []string{`secret "a" of store "prod" is described at`, "already"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.manifest)
			tt.change(w)
			_, err := w.open().Plan(t.Context(), tt.mode)
			if err == nil || errors.As(err, &values) != tt.unreadable {
				t.Fatalf("%v", err)
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("want %q in: %v", text, err)
				}
			}
			equal(t, "calls", w.live().Transcript(), []string(nil))
		})
	}
}

// A ValuesError unwraps to its mistakes.
func TestValuesError(t *testing.T) {
	cause := errors.New("why")
	err := error(&ValuesError{cause})
	if !errors.Is(err, cause) || err.Error() != "why" {
		t.Errorf("%v", err)
	}
}

// Values are generated for the actions that send them, and for no others. The guard knows
// them.
func TestGenerate(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {generate: {encoding: uuid}}, b: {generate: {encoding: uuid}}, c: {from: {env: C}}}}}\n")
	w.env["C"] = "vc"
	d := w.desire(Mode{})
	known := len(w.guard.known)
	d.generate(&planner.Plan{Actions: []planner.Action{enginetest.WithValue(enginetest.On(planner.OpCreate, "a")), enginetest.On(planner.OpRename, "b"), enginetest.WithValue(enginetest.On(planner.OpCreate, "c"))}}, w.guard.Know)
	a := string(d.secrets[prod.Secret("a")].Value.Reveal())
	equal(t, "known", w.guard.known[known:], []string{a})
	equal(t, "the length of what was generated", len(a), 36)
	if d.secrets[prod.Secret("b")].Value.IsSet() {
		t.Error("a value was generated for a rename")
	}
	equal(t, "another value", string(d.secrets[prod.Secret("c")].Value.Reveal()), "vc")
}

// The values are wiped when planning fails, and when the plan is closed.
func TestValuesAreWiped(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, b: {generate: {encoding: uuid}}}}}\n")
	w.write("values.yaml", "a: va n1\n")
	p := w.plan(Mode{})
	value := p.desired.secrets[prod.Secret("a")].Value
	equal(t, "the value", string(value.Reveal()), "va")
	p.Close()
	equal(t, "after Close", string(value.Reveal()), "\x00\x00")
	(*Proposal)(nil).Close() // does not panic
	(*Found)(nil).Close()
}

// A store's account is the manifest's, else the configured one, else the API's.
func TestAccountID(t *testing.T) {
	third := planner.AccountID("00000000000000000000000000000003")
	lock := &lockfile.File{}
	lock.PutStore(lockfile.StoreKey{Account: lockfile.AccountID(third), Name: "prod"}, "st1")
	for _, tt := range []struct {
		name                 string
		manifest, configured string
		usual                planner.AccountID
		noAPI, offline       bool
		lock                 *lockfile.File
		want                 planner.AccountID
		err                  error
		events               []Event
	}{
		{name: "the manifest's", manifest: string(other), configured: string(account), usual: third, want: other},
		{name: "in capitals", manifest: strings.ToUpper(string(other)), want: other},
		{name: "the configured one", configured: string(account), usual: third, want: account},
		{name: "the API's", usual: third, want: third},
		{name: "none", err: ErrNoAccount, lock: lock},
		{name: "none and no API", noAPI: true, err: ErrNoAccount, lock: lock},
		{name: "no id", configured: "my-token", usual: third, err: ErrBadAccount},
		{name: "offline, the lockfile's", offline: true, lock: lock, want: third},
		{name: "offline, without an API", offline: true, noAPI: true, lock: lock, want: third},
		{name: "offline, and unknown", offline: true, want: planner.UnknownAccount, events: []Event{AccountUnknown{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "stores: {prod: {secrets: {}}}\n")
			w.api.Default = tt.usual
			p := w.open(func(c *Config) {
				if c.Account = tt.configured; tt.noAPI {
					c.API = nil
				}
			})
			l := tt.lock
			if l == nil {
				l = &lockfile.File{}
			}
			got, err := p.accountID(manifest.Store{AccountID: tt.manifest}, l, tt.offline)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "my-token") {
				t.Errorf("it quotes what may be a token: %v", err)
			}
			equal(t, "events", w.notified(), tt.events)
		})
	}
}

// The ciphertext digests are the applied ones, once an apply has recorded them.
func TestKeylessAfterApply(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}, b: {from: {sops: values.yaml, key: b}}}}}\n")
	w.write("values.yaml", "a: va n1\nb: vb n1\n")
	w.applied()
	for _, tt := range []struct{ name, values, plan string }{
		{"as it was", "a: va n1\nb: vb n1\n", ""},
		{"one edited", "a: new n2\nb: vb n1\n", "update prod/a ciphertext_changed +value"},
		{"all encrypted again", "a: va n2\nb: vb n2\n", "update prod/a reencrypted +value\nupdate prod/b reencrypted +value"},
	} {
		w.write("values.yaml", tt.values)
		lines(t, tt.name, actions(w.plan(Mode{Keyless: true}).Plan), tt.plan)
	}
	if slices.Contains(w.guard.known, "new") {
		t.Error("a value was read without keys")
	}
}
