package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/visible"
)

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
