package lockfile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// large is a lockfile with a number of secrets as an apply leaves them.
func large(secrets int) *File {
	f := &File{Key: Key{ID: "0011223344556677"}}
	st := f.PutStore(StoreKey{accountA, "prod"}, "0123456789abcdef0123456789abcdef")
	for i := range secrets {
		st.PutSecret(fmt.Sprintf("secret-%07d", i), Secret{
			ID: SecretID(fmt.Sprintf("%032x", i)), Scopes: []string{"workers"}, Comment: fmt.Sprintf("the secret %d of many", i),
			Modified: "2026-10-01T12:00:00.123456Z", Applied: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC),
			Fingerprint: Fingerprint("v1." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43)),
			Source:      fmt.Sprintf("sops secrets.yaml#key-%d", i), Ciphertext: "sha256:" + strings.Repeat("ab", 32), Delete: true,
		})
	}
	return f
}

// Parse allocates only what it returns, however many secrets there are: for each a name, six
// texts, a record, a list with one scope, and the growth of a map.
func TestParseAllocates(t *testing.T) {
	const most = 20
	for _, secrets := range []int{100, 10_000} {
		data := large(secrets).Format()
		n := testing.AllocsPerRun(1, func() {
			if _, err := Parse("x.lock", data); err != nil {
				t.Fatal(err)
			}
		})
		if per := n / float64(secrets); per > most {
			t.Errorf("Parse allocates %.1f times for each of %d secrets, want at most %d", per, secrets, most)
		}
	}
}

var sizes = []int{1000, 10_000, 100_000}

func BenchmarkParse(b *testing.B) {
	for _, n := range sizes {
		data := large(n).Format()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse("x.lock", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncodingJSON is what [BenchmarkParse] is compared with.
func BenchmarkEncodingJSON(b *testing.B) {
	for _, n := range sizes {
		data := large(n).Format()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var f fileJSON
				if err := json.Unmarshal(data, &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	for _, n := range sizes {
		f := large(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(f.Format())))
			}
		})
	}
}
