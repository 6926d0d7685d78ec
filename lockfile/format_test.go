package lockfile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/visible"
	"pgregory.net/rapid"

	"github.com/secretsync/secretsync/internal/secret"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	accountA = "0123456789abcdef0123456789abcdef"
	accountB = "fedcba9876543210fedcba9876543210"
)

// someFingerprint returns a well-formed fingerprint of nothing.
func someFingerprint(b byte) secret.Fingerprint {
	enc := base64.RawURLEncoding.EncodeToString
	return secret.Fingerprint("v1." + enc(bytes.Repeat([]byte{b}, 16)) + "." + enc(bytes.Repeat([]byte{b}, 32)))
}

var (
	prod    = StoreKey{accountA, "prod"}
	staging = StoreKey{accountA, "staging"}
	empty   = StoreKey{accountB, "empty"}
)

// full returns a File with every field. Its scopes are not sorted.
func full() *File {
	noon := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	return &File{
		API: APILoopback,
		Key: Key{ID: "0011223344556677", Sealed: json.RawMessage(`{"key":"ENC[AES256_GCM,data:<&>]","sops":{"version":"3.13.3"}}`)},
		Stores: map[StoreKey]*Store{
			empty: {},
			staging: {ID: "22222222222222222222222222222222", Secrets: map[string]*Secret{
				"adopted": {ID: "id-1", Scopes: []string{"workers"}, Modified: "2026-10-01T12:00:00Z", Status: StatusPending, Accepted: noon.Add(time.Hour)},
			}},
			prod: {ID: "11111111111111111111111111111111", Secrets: map[string]*Secret{
				"stripe-key": {
					ID:     "33333333333333333333333333333333",
					Scopes: []string{"workers", "ai_gateway"}, Comment: "Stripe \"live\" <key> & more\nsecond line \u2028",
					Modified: "2026-10-01T12:00:00.123456Z", Applied: noon,
					Fingerprint: someFingerprint(1), Source: "sops: secrets/prod.enc.yaml#stripe",
					Ciphertext: "sha256:" + strings.Repeat("ab", 32), Delete: true,
				},
				"half-made": {Pending: &Pending{Op: "create", Since: noon.Add(time.Second)}},
			}},
		},
	}
}

func TestGolden(t *testing.T) {
	for name, f := range map[string]*File{"testdata/full.lock": full(), "testdata/empty.lock": {}} {
		got := f.Format()
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		parsed, err := Parse(name, want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(f), parsed); diff != "" {
			t.Errorf("%s parsed (-want +got):\n%s", name, diff)
		}
	}
}

// sorted returns a copy of f as it is read back: with sorted scopes.
func sorted(f *File) *File {
	f = f.clone()
	for _, st := range f.Stores {
		for _, sec := range st.Secrets {
			slices.Sort(sec.Scopes)
		}
	}
	return f
}

func TestFormatLeavesItsInputAlone(t *testing.T) {
	f := full()
	f.Format()
	if diff := cmp.Diff(full(), f); diff != "" {
		t.Errorf("changed (-before +after):\n%s", diff)
	}
}

// A sealed key that is not JSON may be an unencrypted key, so the panic must not quote it.
func TestFormatPanicsWithoutQuoting(t *testing.T) {
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "cannot be encoded") || strings.Contains(said, "canary") {
			t.Errorf("the panic says %q", said)
		}
	}()
	f := File{Key: Key{ID: "0011223344556677", Sealed: json.RawMessage("canary")}}
	t.Errorf("formatted:\n%s", f.Format())
}

func TestFixedPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		text := f.Format()
		parsed, err := Parse("x.lock", text)
		if err != nil {
			t.Fatalf("cannot read back: %v\n%s", err, text)
		}
		if diff := cmp.Diff(sorted(f), parsed); diff != "" {
			t.Fatalf("read back (-want +got):\n%s", diff)
		}
		if again := parsed.Format(); !bytes.Equal(text, again) {
			t.Fatalf("formatted again:\n%s", cmp.Diff(string(text), string(again)))
		}
	})
}

func drawFile(t *rapid.T) *File {
	f := &File{
		API: rapid.SampledFrom([]string{"", APILoopback}).Draw(t, "api"),
		Key: Key{ID: rapid.StringMatching(`[0-9a-f]{16}`).Draw(t, "key id")},
	}
	if rapid.Bool().Draw(t, "sealed") {
		data, _ := json.Marshal(rapid.String().Draw(t, "data"))
		f.Key.Sealed = json.RawMessage(fmt.Sprintf(`{"sops":{"mac":%s}}`, visible.JSON(data))) // as it is written
	}
	for range rapid.IntRange(0, 4).Draw(t, "stores") {
		k := StoreKey{rapid.SampledFrom([]AccountID{accountA, accountB}).Draw(t, "account"), names().Draw(t, "store")}
		st := f.PutStore(k, StoreID(optional(t, rapid.StringMatching(`[0-9a-f]{32}`))))
		st.Delete = rapid.Bool().Draw(t, "delete store")
		for _, name := range rapid.SliceOfN(names(), 0, 6).Draw(t, "secrets") {
			st.PutSecret(name, drawSecret(t))
		}
	}
	return f
}

// names generates names that Cloudflare allows, and unusual ones.
func names() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9_-]{1,12}`), rapid.String().Filter(isPlain))
}

func optional(t *rapid.T, g *rapid.Generator[string]) string {
	return rapid.OneOf(rapid.Just(""), g).Draw(t, "optional")
}

func drawSecret(t *rapid.T) Secret {
	x := Secret{
		ID:      SecretID(optional(t, rapid.StringMatching(`[0-9a-f]{32}`))),
		Comment: rapid.String().Draw(t, "comment"), Source: rapid.String().Draw(t, "source"),
		Scopes:     rapid.SliceOfN(rapid.StringMatching(`[a-z_]{1,9}`), 1, 3).Draw(t, "scopes"),
		Applied:    rapid.OneOf(rapid.Just(time.Time{}), seconds()).Draw(t, "applied"),
		PreviousOf: rapid.SampledFrom([]string{"", "api-key"}).Draw(t, "previous of"),
		KeptSince:  rapid.OneOf(rapid.Just(time.Time{}), seconds()).Draw(t, "kept since"),
		Accepted:   rapid.OneOf(rapid.Just(time.Time{}), seconds()).Draw(t, "accepted"),
		Ciphertext: optional(t, rapid.StringMatching(`sha256:[0-9a-f]{64}`)),
		Delete:     rapid.Bool().Draw(t, "delete"),
	}
	if rapid.Bool().Draw(t, "modified") {
		x.Modified = Modified(time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, "when")).UTC().Format(time.RFC3339Nano))
	}
	if rapid.Bool().Draw(t, "not active") {
		x.Status = StatusPending
	}
	if rapid.Bool().Draw(t, "fingerprinted") {
		x.Fingerprint = someFingerprint(rapid.Byte().Draw(t, "fingerprint"))
	}
	if rapid.Bool().Draw(t, "is pending") {
		x.Pending = &Pending{
			Op:    rapid.SampledFrom([]string{"create", "update", "delete"}).Draw(t, "op"),
			Since: seconds().Draw(t, "since"), ListedAt: seconds().Draw(t, "seen"),
			Until:      rapid.OneOf(rapid.Just(time.Time{}), seconds()).Draw(t, "until"),
			PreviousID: rapid.SampledFrom([]SecretID{"", "1d"}).Draw(t, "was"), Value: rapid.Bool().Draw(t, "value sent"),
		}
	}
	return x
}

// seconds generates times as they are stored.
func seconds() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 4e9), func(n int64) time.Time { return time.Unix(n, 0).UTC() })
}

// A time with a fraction or in another zone is read back in UTC and whole seconds.
func TestTimesAreKeptInWholeSeconds(t *testing.T) {
	var f File
	at := time.Date(2026, 10, 1, 14, 0, 0, 999_999_999, time.FixedZone("CEST", 2*60*60))
	f.PutStore(prod, "").PutSecret("x", Secret{Applied: at, Pending: &Pending{Op: "update", Since: at, Until: at, ListedAt: at}})
	parsed, err := Parse("x.lock", f.Format())
	try(t, err)
	got := parsed.Stores[prod].Secrets["x"]
	want := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for name, got := range map[string]time.Time{
		"applied": got.Applied, "since": got.Pending.Since, "until": got.Pending.Until, "seen": got.Pending.ListedAt,
	} {
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full().Format())
	f.Add(new(File).Format())
	for _, d := range damaged {
		f.Add([]byte(d.text))
	}
	for _, m := range mistakes {
		f.Add([]byte(strings.Replace(string(full().Format()), m.old, m.new, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("x.lock", data)
		if err != nil {
			wantPositions(t, err, data)
			return
		}
		text := file.Format()
		again, err := Parse("x.lock", text)
		if err != nil {
			t.Fatalf("cannot read back: %v\n%s", err, text)
		}
		if !bytes.Equal(text, again.Format()) {
			t.Fatalf("no fixed point:\n%s\n%s", text, again.Format())
		}
	})
}
