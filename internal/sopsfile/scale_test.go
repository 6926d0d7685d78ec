package sopsfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
)

// manyKeys returns an encrypted file with a number of values, in a folder with its key.
func manyKeys(t testing.TB, name string, keys int) []byte {
	t.Helper()
	var plain strings.Builder
	if strings.HasSuffix(name, ".ini") {
		plain.WriteString("[s]\n")
	}
	for i := range keys {
		switch {
		case strings.HasSuffix(name, ".yaml"):
			fmt.Fprintf(&plain, "key-%06d: value-%d\n", i, i)
		default:
			fmt.Fprintf(&plain, "key-%06d=value-%d\n", i, i)
		}
	}
	return encrypt(t, name, plain.String(), identity(t).Recipient().String())
}

// A value is looked up without going through the others: what that allocates does not depend on
// their number.
func TestEntryIsFoundByItsKey(t *testing.T) {
	for _, name := range []string{"s.yaml", "s.env", "s.ini"} {
		var allocations [2]float64
		for i, keys := range []int{10, 5000} {
			o, err := sopsfile.New(sopsfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := o.Open(name, manyKeys(t, name, keys))
			if err != nil {
				t.Fatal(err)
			}
			path := []string{fmt.Sprintf("key-%06d", keys-1)}
			if name == "s.ini" {
				path = append([]string{"s"}, path...)
			}
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
			f, err := o.Open("s.yaml", manyKeys(b, "s.yaml", keys))
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
