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

// someFingerprint has the form of one; what it is of doesn't matter here.
func someFingerprint(b byte) secret.Fingerprint {
	enc := base64.RawURLEncoding.EncodeToString
	return secret.Fingerprint("v1." + enc(bytes.Repeat([]byte{b}, 16)) + "." + enc(bytes.Repeat([]byte{b}, 32)))
}

// full has every field, in an order that is not the format's.
func full() *File {
	return &File{
		API: APILoopback,
		Key: Key{ID: "0011223344556677", Sealed: json.RawMessage(`{"key":"ENC[AES256_GCM,data:<&>]","sops":{"version":"3.13.3"}}`)},
		Stores: []Store{
			{AccountID: accountB, Name: "empty"},
			{AccountID: accountA, ID: "22222222222222222222222222222222", Name: "staging", Secrets: []Secret{
				{Name: "adopted", ID: "id-1", Scopes: []string{"workers"}, Modified: "2026-10-01T12:00:00Z"},
			}},
			{AccountID: accountA, ID: "11111111111111111111111111111111", Name: "prod", Secrets: []Secret{
				{
					Name: "stripe-key", ID: "33333333333333333333333333333333",
					Scopes: []string{"workers", "ai_gateway"}, Comment: "Stripe \"live\" <key> & more\nsecond line \u2028",
					Modified: "2026-10-01T12:00:00.123456Z", Applied: "2026-10-01T12:00:00Z",
					Fingerprint: someFingerprint(1), Source: "sops: secrets/prod.enc.yaml#stripe",
					Ciphertext: "sha256:" + strings.Repeat("ab", 32), Delete: true,
				},
				{Name: "half-made", Pending: &Pending{Op: "create", Since: "2026-10-01T12:00:01Z"}},
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

// sorted returns f in the format's order.
func sorted(f *File) *File {
	f = f.clone()
	slices.SortFunc(f.Stores, func(a, b Store) int { return strings.Compare(a.AccountID+"\x00"+a.Name, b.AccountID+"\x00"+b.Name) })
	for i := range f.Stores {
		secrets := f.Stores[i].Secrets
		slices.SortFunc(secrets, func(a, b Secret) int { return strings.Compare(a.Name, b.Name) })
		for j := range secrets {
			slices.Sort(secrets[j].Scopes)
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
	for _, name := range rapid.SliceOfNDistinct(names(), 0, 4, rapid.ID).Draw(t, "stores") {
		s := Store{
			AccountID: rapid.SampledFrom([]string{accountA, accountB}).Draw(t, "account"), Name: name,
			ID: optional(t, rapid.StringMatching(`[0-9a-f]{32}`)),
		}
		for _, name := range rapid.SliceOfNDistinct(names(), 0, 6, rapid.ID).Draw(t, "secrets") {
			s.Secrets = append(s.Secrets, drawSecret(t, name))
		}
		f.Stores = append(f.Stores, s)
	}
	return f
}

// names draws names as Cloudflare has them, and stranger ones.
func names() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9_-]{1,12}`), rapid.String().Filter(isPlain))
}

func optional(t *rapid.T, g *rapid.Generator[string]) string {
	return rapid.OneOf(rapid.Just(""), g).Draw(t, "optional")
}

func drawSecret(t *rapid.T, name string) Secret {
	x := Secret{
		Name: name, ID: optional(t, rapid.StringMatching(`[0-9a-f]{32}`)),
		Comment: rapid.String().Draw(t, "comment"), Source: rapid.String().Draw(t, "source"),
		Scopes:     rapid.SliceOfN(rapid.StringMatching(`[a-z_]{1,9}`), 1, 3).Draw(t, "scopes"),
		Modified:   optional(t, moments(time.RFC3339Nano)),
		Applied:    optional(t, moments(time.RFC3339)),
		Ciphertext: optional(t, rapid.StringMatching(`sha256:[0-9a-f]{64}`)),
		Delete:     rapid.Bool().Draw(t, "delete"),
	}
	if rapid.Bool().Draw(t, "fingerprinted") {
		x.Fingerprint = someFingerprint(rapid.Byte().Draw(t, "fingerprint"))
	}
	if rapid.Bool().Draw(t, "is pending") {
		op := rapid.SampledFrom([]string{"create", "update", "delete"}).Draw(t, "op")
		x.Pending = &Pending{Op: op, Since: moments(time.RFC3339).Draw(t, "since"), Seen: moments(time.RFC3339).Draw(t, "seen"), Was: rapid.SampledFrom([]string{"", "1d"}).Draw(t, "was"), Value: rapid.Bool().Draw(t, "value sent")}
	}
	return x
}

func moments(layout string) *rapid.Generator[string] {
	return rapid.Map(rapid.Int64Range(0, 4e18), func(n int64) string { return time.Unix(0, n).UTC().Format(layout) })
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
