package sopsfile_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/secretsync/secretsync/internal/racetest"
	"github.com/secretsync/secretsync/internal/sopsfile"
)

// manyKeys returns a file with a number of values, encrypted for an identity.
func manyKeys(t testing.TB, id *age.X25519Identity, name string, keys int) []byte {
	t.Helper()
	var plain strings.Builder
	switch filepath.Ext(name) {
	case ".ini":
		plain.WriteString("[s]\n")
	case ".json":
		plain.WriteString("{\n")
	}
	for i := range keys {
		switch filepath.Ext(name) {
		case ".yaml":
			fmt.Fprintf(&plain, "key-%06d: value-%d\n", i, i)
		case ".json":
			fmt.Fprintf(&plain, "\"key-%06d\": \"value-%d\"%s\n", i, i, map[bool]string{true: "}", false: ","}[i == keys-1])
		default:
			fmt.Fprintf(&plain, "key-%06d=value-%d\n", i, i)
		}
	}
	return encrypt(t, name, plain.String(), id.Recipient().String())
}

// pathOf is where a file of manyKeys has a value.
func pathOf(name string, i int) []string {
	path := []string{fmt.Sprintf("key-%06d", i)}
	if filepath.Ext(name) == ".ini" {
		path = append([]string{"s"}, path...)
	}
	return path
}

// A value is looked up without going through the others: what that allocates does not depend on
// their number.
func TestEntryIsFoundByItsKey(t *testing.T) {
	racetest.Large(t)
	for _, name := range []string{"s.yaml", "s.env", "s.ini"} {
		var allocations [2]float64
		for i, keys := range []int{10, 5000} {
			o, err := sopsfile.New(sopsfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := o.Open(name, manyKeys(t, identity(t), name, keys))
			if err != nil {
				t.Fatal(err)
			}
			path := pathOf(name, keys-1)
			look := func() {
				e, err := f.Entry(path)
				if line := keys + len(path) - 1; err != nil || e.Pos.Line != line || e.Type != "str" {
					t.Fatalf("%s: found %+v, %v, want it in line %d", name, e, err, line)
				}
			}
			look() // builds the index
			allocations[i] = testing.AllocsPerRun(10, look)
		}
		if allocations[1] > allocations[0] {
			t.Errorf("%s: looking up one of 10 values allocates %v times, one of 5,000 %v times", name, allocations[0], allocations[1])
		}
	}
}

func BenchmarkEntry(b *testing.B) {
	for _, keys := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			o, err := sopsfile.New(sopsfile.Options{})
			if err != nil {
				b.Fatal(err)
			}
			f, err := o.Open("s.yaml", manyKeys(b, identity(b), "s.yaml", keys))
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				if _, err := f.Entry([]string{fmt.Sprintf("key-%06d", i%keys)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTree compares reading all values of a file with what SOPS's library takes to decrypt
// the same file and to write it in plaintext.
func BenchmarkTree(b *testing.B) {
	const keys = 4000
	id := identity(b)
	b.Setenv("SOPS_AGE_KEY", id.String())
	for _, name := range []string{"s.yaml", "s.json", "s.env", "s.ini"} {
		data := manyKeys(b, id, name, keys)
		b.Run(name+"/secretsync", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				readAll(b, name, data, keys)
			}
		})
		b.Run(name+"/sops", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decryptAll(b, name, data)
			}
		})
	}
}

func readAll(b *testing.B, name string, data []byte, keys int) {
	o, err := sopsfile.New(sopsfile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	f, err := o.Open(name, data)
	if err != nil {
		b.Fatal(err)
	}
	for i := range keys {
		path := pathOf(name, i)
		if _, err := f.Entry(path); err != nil {
			b.Fatal(err)
		}
		v, err := f.Value(b.Context(), path)
		if err != nil || string(v.Reveal()) != fmt.Sprintf("value-%d", i) {
			b.Fatalf("%v: %v, or another value", path, err)
		}
	}
}

func decryptAll(b *testing.B, name string, data []byte) {
	store := common.DefaultStoreForPath(config.NewStoresConfig(), name)
	tree, err := store.LoadEncryptedFile(data)
	if err != nil {
		b.Fatal(err)
	}
	_, err = common.DecryptTree(common.DecryptTreeOpts{
		Tree: &tree, KeyServices: []keyservice.KeyServiceClient{keyservice.NewLocalClient()}, Cipher: aes.NewCipher(),
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := store.EmitPlainFile(tree.Branches); err != nil {
		b.Fatal(err)
	}
}
