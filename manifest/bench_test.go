package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/secretsync/secretsync/internal/racetest"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
	"gopkg.in/yaml.v3"
)

// formats are the languages of manifests: how a manifest of a store is written in each, and what
// a library needs to read it into its own types, which is what [manifest.Load] is compared with.
var formats = []struct {
	ext, before, secret, between, after string
	baseline                            func([]byte) error
}{
	{"yaml", "version: 1\nstores:\n  prod:\n    secrets:\n",
		"      secret-%07d:\n        from: {env: SECRET_%07d}\n        comment: the secret %[1]d of many\n        scopes: [workers, ai_gateway]\n", "", "",
		func(data []byte) error { return yaml.Unmarshal(data, new(yaml.Node)) }},
	{"toml", "version = 1\n",
		"[stores.prod.secrets.secret-%07d]\nfrom = {env = \"SECRET_%07d\"}\ncomment = \"the secret %[1]d of many\"\nscopes = [\"workers\", \"ai_gateway\"]\n", "", "",
		func(data []byte) error { _, err := toml.Decode(string(data), new(map[string]any)); return err }},
	{"json", "{\n  \"version\": 1,\n  \"stores\": {\"prod\": {\"secrets\": {\n",
		"    \"secret-%07d\": {\n      \"from\": {\"env\": \"SECRET_%07d\"},\n      \"comment\": \"the secret %[1]d of many\",\n      \"scopes\": [\"workers\", \"ai_gateway\"]\n    }", ",\n", "\n  }}}\n}\n",
		func(data []byte) error { return json.Unmarshal(data, new(any)) }},
}

// large writes a manifest with a number of secrets.
func large(format, secrets int) []byte {
	f := formats[format]
	var b bytes.Buffer
	b.WriteString(f.before)
	for i := range secrets {
		if i > 0 {
			b.WriteString(f.between)
		}
		fmt.Fprintf(&b, f.secret, i, i)
	}
	b.WriteString(f.after)
	return b.Bytes()
}

func BenchmarkLoad(b *testing.B) {
	for i, f := range formats {
		for _, n := range []int{1000, 20_000} {
			data := large(i, n)
			file := filepath.Join(b.TempDir(), "secretsync."+f.ext)
			if err := os.WriteFile(file, data, 0o600); err != nil {
				b.Fatal(err)
			}
			format, _ := syntax.FormatOf(file)
			for _, of := range []struct {
				name string
				run  func() error
			}{
				{"baseline", func() error { return f.baseline(data) }},
				{"parse", func() error { _, errs := syntax.Parse(file, data, format); return syntax.ErrorList(errs).Err() }},
				{"load", func() error { _, err := manifest.Load(b.Context(), manifest.Options{File: file}); return err }},
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", f.ext, n, of.name), func(b *testing.B) {
					b.SetBytes(int64(len(data)))
					b.ReportAllocs()
					for b.Loop() {
						if err := of.run(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// TestLoadAllocates: loading a manifest allocates for each secret as often in a large one as in a
// small one, and hardly more often than reading its syntax does.
func TestLoadAllocates(t *testing.T) {
	racetest.Large(t)
	const few, many, perSecret = 1000, 20_000, 7
	for i, f := range formats {
		t.Run(f.ext, func(t *testing.T) {
			allocations := func(secrets int) (parsed, loaded float64) {
				file := filepath.Join(t.TempDir(), "secretsync."+f.ext)
				data := large(i, secrets)
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
				format, _ := syntax.FormatOf(file)
				parsed = testing.AllocsPerRun(1, func() {
					if _, errs := syntax.Parse(file, data, format); len(errs) > 0 {
						t.Fatal(errs[0])
					}
				})
				loaded = testing.AllocsPerRun(1, func() {
					if _, err := manifest.Load(t.Context(), manifest.Options{File: file}); err != nil {
						t.Fatal(err)
					}
				})
				return parsed, loaded
			}
			_, small := allocations(few)
			parsed, loaded := allocations(many)
			if exponent := math.Log(loaded/small) / math.Log(float64(many)/few); exponent > 1.1 {
				t.Errorf("the allocations grow with the number of secrets to the power of %.2f", exponent)
			}
			if per := (loaded - parsed) / many; per > perSecret {
				t.Errorf("Load allocates %.1f times for each secret beside its syntax, want at most %d", per, perSecret)
			}
			t.Logf("%.1f allocations a secret, %.1f of them for the syntax", loaded/many, parsed/many)
		})
	}
}
