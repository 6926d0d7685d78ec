package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/BurntSushi/toml"
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
