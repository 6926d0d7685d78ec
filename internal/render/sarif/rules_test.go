package sarif

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/troubleshooting"
)

// TestRules: docs/output.md lists the same rules with the same words, in the same order.
func TestRules(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := bytes.Cut(doc, []byte("| rule | kind of mistake |"))
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.*) \\|$").FindAllSubmatch(table, len(ruleDescriptions))
	if len(rows) != len(ruleDescriptions) {
		t.Fatalf("docs/output.md lists %d rules, want %d", len(rows), len(ruleDescriptions))
	}
	for i, r := range ruleDescriptions {
		if string(rows[i][1]) != r.rule || string(rows[i][2]) != r.what {
			t.Errorf("docs/output.md has %q: %q, want %q: %q", rows[i][1], rows[i][2], r.rule, r.what)
		}
	}
}

// TestRulesAreExplained: docs/troubleshooting.md has an entry with the name of each rule. A manifest that
// could not be checked can have any cause.
func TestRulesAreExplained(t *testing.T) {
	for _, r := range ruleDescriptions {
		if _, anchor, _ := strings.Cut(troubleshooting.Rule(r.rule), "#"); anchor != r.rule && r.rule != render.RuleError {
			t.Errorf("docs/troubleshooting.md has no entry for the rule %s", r.rule)
		}
	}
}
