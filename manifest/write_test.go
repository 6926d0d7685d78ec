package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/visible"
)

// insert inserts two secrets into a manifest of that name.
func insert(t *testing.T, name, text string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := Insert(t.Context(), Options{File: file}, []byte(text), "prod", []Insertion{{"A", "s/x.yaml", "A"}, {"true", "a b.yaml", "true"}})
	return string(out), err
}

// TestInsertKeepsTheRest inserts into every layout. What was there stays, byte for byte.
func TestInsertKeepsTheRest(t *testing.T) {
	const entries = "from: {sops: s/x.yaml, key: A}"
	for name, tt := range map[string]struct{ file, before, after string }{
		"empty": {"m.yaml", "version: 1\n",
			"version: 1\nstores:\n  prod:\n    secrets:\n      A:\n        " + entries + "\n      \"true\":\n        from: {sops: \"a b.yaml\", key: \"true\"}\n"},
		"no line end": {"m.yaml", "version: 1\nstores:\n  prod:\n    secrets:\n      b: {external: true} # ours",
			"version: 1\nstores:\n  prod:\n    secrets:\n      b: {external: true} # ours\n      A:\n        " + entries + "\n      \"true\":\n        from: {sops: \"a b.yaml\", key: \"true\"}\n"},
		"CRLF, BOM and what follows": {"m.yaml", "\ufeffversion: 1\r\nstores:\r\n  prod:\r\n    secrets:\r\n      b:\r\n        comment: |\r\n          text\r\n\r\n          more\r\n        external: true\r\n\r\n# end\r\nsafety: {max_deletes: 1}\r\n",
			"\ufeffversion: 1\r\nstores:\r\n  prod:\r\n    secrets:\r\n      b:\r\n        comment: |\r\n          text\r\n\r\n          more\r\n        external: true\r\n      A:\r\n        " + entries + "\r\n      \"true\":\r\n        from: {sops: \"a b.yaml\", key: \"true\"}\r\n\r\n# end\r\nsafety: {max_deletes: 1}\r\n"},
		"a store without secrets": {"m.yaml", "version: 1\nstores:\n  prod:\n    prefix: p-\n  other:\n    secrets: {}\n",
			"version: 1\nstores:\n  prod:\n    prefix: p-\n    secrets:\n      A:\n        " + entries + "\n      \"true\":\n        from: {sops: \"a b.yaml\", key: \"true\"}\n  other:\n    secrets: {}\n"},
		"in braces": {"m.yaml", "version: 1\nstores: {prod: {secrets: {b: {external: true}}}} # ours\n",
			"version: 1\nstores: {prod: {secrets: {A: {" + entries + "}, \"true\": {from: {sops: \"a b.yaml\", key: \"true\"}}, b: {external: true}}}} # ours\n"},
		"an empty store in braces": {"m.yaml", "version: 1\nstores:\n  prod: {}\n",
			"version: 1\nstores:\n  prod: {secrets: {A: {" + entries + "}, \"true\": {from: {sops: \"a b.yaml\", key: \"true\"}}}}\n"},
		"JSON": {"m.json", "{\n  \"version\": 1,\n  \"stores\": {\"prod\": {\"secrets\": {\n    \"b\": {\"external\": true}\n  }}}\n}\n",
			"{\n  \"version\": 1,\n  \"stores\": {\"prod\": {\"secrets\": {\n    \"A\": {\"from\": {\"sops\": \"s/x.yaml\", \"key\": \"A\"}},\n    \"true\": {\"from\": {\"sops\": \"a b.yaml\", \"key\": \"true\"}},\n    \"b\": {\"external\": true}\n  }}}\n}\n"},
		"JSON without stores": {"m.json", `{"version": 1}`,
			`{"stores": {"prod": {"secrets": {"A": {"from": {"sops": "s/x.yaml", "key": "A"}}, "true": {"from": {"sops": "a b.yaml", "key": "true"}}}}}, "version": 1}`},
		"TOML": {"m.toml", "version = 1\n[stores.prod.secrets]\nb = { external = true } # ours",
			"version = 1\n[stores.prod.secrets]\nb = { external = true } # ours\n\n[stores.prod.secrets.A]\nfrom = { sops = \"s/x.yaml\", key = \"A\" }\n\n[stores.prod.secrets.true]\nfrom = { sops = \"a b.yaml\", key = \"true\" }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := insert(t, tt.file, tt.before)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.after, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInsertRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ file, text, want string }{
		"TOML in one table":     {"m.toml", "version = 1\nstores = { prod = { secrets = { b = { external = true } } } }\n", "cannot be edited in place"},
		"an encrypted manifest": {"m.yaml", "version: 1\nsops: {mac: x}\n", "SOPS file"},
		"a condition":           {"m.yaml", "version: 1\nstores: {prod: {secrets: {A: {external: true, when: \"false\"}}}}\n", `2:27: the secret "A" is described already`},
		"the name of another":   {"m.yaml", "version: 1\nstores:\n  prod: {secrets: {b: {external: true}}}\n  twin: {name: prod, secrets: {A: {external: true}}}\n", "two secrets are named"},
		"an end of document":    {"m.yaml", "version: 1\n...\n", "cannot be edited in place"},
		"another extension":     {"m.txt", "version: 1\n", "unknown file extension"},
		"a list":                {"m.yaml", "- version: 1\n", "a manifest must be a map, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := insert(t, tt.file, tt.text)
			var bad *LoadError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) || got != "" {
				t.Errorf("%v, want %q: %s", err, tt.want, got)
			}
		})
	}
}

// A draft hides nothing from its reviewer and controls no CI runner, whatever Cloudflare
// returns; read again, it describes the same.
func TestDraftIsHarmless(t *testing.T) {
	comments := []string{
		"plain", "\u202etxet", "##[error]x", "a ##vso[task.x]", "::error::x", "two\n::error::lines", "nb\u00a0sp", "a\u2028b", "tag\U000e0041", "\x1b[31m", "\x7f", "🦀 é",
		"#", "${x} ##[x]", `back\slash ##[x]`, `"quoted" ##[x]`, " ", strings.Repeat("long ", 40) + "\u202e",
	}
	st := DraftStore{Label: "s", Name: "a"}
	for i, c := range comments {
		st.Secrets = append(st.Secrets, DraftSecret{Label: string(rune('a' + i)), Comment: c, Scopes: []string{"workers"}})
	}
	text, err := Draft([]DraftStore{st}, "")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); visible.Text(line) != line {
			t.Errorf("in the draft: %q", line)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secretsync.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, sec := range mustLoad(t, dir, Options{}).Stores[0].Secrets {
		if sec.Comment == nil || *sec.Comment != comments[i] {
			t.Errorf("%q comes back as %v", comments[i], sec.Comment)
		}
	}
}

func TestDraftOfStrangeNames(t *testing.T) {
	strange := "\u202e##[error]"
	text, err := Draft([]DraftStore{{Label: "s", Name: strange, Secrets: []DraftSecret{{Label: strange, Scopes: []string{strange}}}}}, strange)
	if err != nil || strings.Contains(string(text), "\u202e") || strings.Contains(string(text), "##[") {
		t.Errorf("%v: %q", err, text)
	}
}
