package troubleshooting

import (
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/secretsync/secretsync/docs"
)

// The anchors are the ones that a Markdown parser derives from the page's headings, each once.
func TestAnchors(t *testing.T) {
	source := []byte(docs.Troubleshooting)
	root := goldmark.New(goldmark.WithParserOptions(parser.WithAutoHeadingID())).Parser().Parse(text.NewReader(source))
	var ids []string
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			id, _ := h.AttributeString("id")
			ids = append(ids, string(id.([]byte)))
		}
	}
	for i, id := range ids {
		if slices.Index(ids, id) != i {
			t.Errorf("the heading %q is there twice", id)
		}
	}
	for _, e := range Entries() {
		if !slices.Contains(ids, e.Anchor()) {
			t.Errorf("line %d: no heading has the anchor %q", e.Line, e.Anchor())
		}
	}
	if len(Entries()) < 60 {
		t.Errorf("only %d entries", len(Entries()))
	}
}

func TestAddress(t *testing.T) {
	const page = "https://github.com/secretsync/secretsync/blob/main/docs/troubleshooting.md"
	for _, c := range []struct{ what, rule, want string }{
		{"the lease s3://b/p is held by host x, since now; waited 2s", "", page + "#lease-held"},
		{"creating a secret: the API token is empty", "", page + "#api-token-missing"},
		{`unknown key "stors"`, "unknown-key", page + "#unknown-key"},
		{"a message of a newer version", "scope", page + "#scope"},
		{"open x: permission denied", "", page + "#permission-denied"},
		{"the lockfile cannot be written: write .x: no space left on device", "", page + "#disk-full"},
		{"writing x: its own words", "", page + "#output-file"},
		{`unknown command "aply" for "secretsync"`, "", ""},
		{"nothing that is known", "", ""},
		{"nothing that is known", "error", ""},
	} {
		if got := Address(c.what, c.rule); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
	if got := Rule("sops-no-key"); got != page+"#sops-no-key" {
		t.Error(got)
	}
	if got := Rule("error"); got != page {
		t.Error(got)
	}
}

// Patterns match whole parts of messages only.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, message string
		want             bool
	}{
		{"the file is gone", "the file is gone", true},
		{"the file is gone", "read x: the file is gone", true},
		{"the file is gone", "read x: the file is gone (twice); or not", true},
		{"the file is gone", "not the file is gone", false},
		{"the file is gone", "the file is gone away", false},
		{"the … is gone", "the is gone is gone", true},
		{"the … is gone", "the x is gone away", false},
		{"… belongs to x", "read y: z belongs to x", true},
		{"unknown key …", "unknown key x", true},
		{"store … of …: …", "store a of b: c", true},
		{"store … of …: …", "store a of b", false},
	} {
		if got := newPattern(Message{Error, c.pattern, 1}, 0).matches(c.message); got != c.want {
			t.Errorf("%q in %q: %t", c.pattern, c.message, got)
		}
	}
}

// Line ends of Windows, as of a checkout there, change nothing.
func TestLineEndsOfWindows(t *testing.T) {
	unix, windows := newPage(docs.Troubleshooting), newPage(strings.ReplaceAll(docs.Troubleshooting, "\n", "\r\n"))
	if len(unix.entries) != len(windows.entries) || len(unix.patterns) != len(windows.patterns) {
		t.Error("the pages differ")
	}
}
