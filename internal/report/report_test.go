package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/report"
	"github.com/secretsync/secretsync/internal/report/reporttest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

var update = flag.Bool("update", false, "rewrite the expected output")

func describe(inv *reconcile.Inventory) *report.Report {
	origin := render.NewOrigin(strings.Repeat("0123456789", 4)+"-dirty", "https://example.com/runs/1?x=1&y=2")
	return report.New(inv, "secretsync.yaml", origin, report.Asked{Who: true, Verify: true})
}

func page(t *testing.T, inv *reconcile.Inventory) string {
	t.Helper()
	text, err := describe(inv).HTML(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parts finds the inline parts of a page, and the sources that its policy allows.
var (
	styles  = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	scripts = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	policy  = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)
	hashes  = regexp.MustCompile(`sha256-[A-Za-z0-9+/=]+`)
)

// TestGolden compares the output with the golden files; it is always the same for the same inventory.
// The page's style and script are files of their own.
func TestGolden(t *testing.T) {
	for name, inv := range map[string]*reconcile.Inventory{"sample": reporttest.Sample(), "empty": reporttest.Empty(), "foreign": reporttest.Foreign()} {
		var text, doc bytes.Buffer
		r := describe(inv)
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := r.JSON(&doc); err != nil {
			t.Fatal(err)
		}
		made := page(t, inv)
		made = styles.ReplaceAllString(scripts.ReplaceAllString(made, "<script></script>"), "<style></style>")
		made = policy.ReplaceAllStringFunc(made, func(p string) string { return hashes.ReplaceAllString(html.UnescapeString(p), "sha256-") })
		for ext, got := range map[string]string{".html": made, ".txt": text.String(), ".json": doc.String()} {
			file := filepath.Join("testdata", name+ext)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s; go test ./internal/report -update rewrites it:\n%s", file, diff)
			}
		}
	}
}

// TestPolicy: a browser runs this script and uses this style, and nothing else.
func TestPolicy(t *testing.T) {
	text := page(t, reporttest.Foreign())
	found := policy.FindStringSubmatch(text)
	if found == nil {
		t.Fatal("no policy")
	}
	allowed := html.UnescapeString(found[1])
	for directive, parts := range map[string][][]string{"style-src": styles.FindAllStringSubmatch(text, -1), "script-src": scripts.FindAllStringSubmatch(text, -1)} {
		if len(parts) != 1 {
			t.Fatalf("%d inline parts for %s", len(parts), directive)
		}
		sum := sha256.Sum256([]byte(parts[0][1]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(allowed, want) {
			t.Errorf("the policy lacks %s: %s", want, allowed)
		}
	}
	if !strings.HasPrefix(allowed, "default-src 'none'; ") || strings.Contains(allowed, "unsafe") || strings.Contains(allowed, "http") {
		t.Errorf("the policy is %s", allowed)
	}
	bare := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(text, `=""`)
	outside := regexp.MustCompile(`(?i)<(img|iframe|object|embed|link|base|form)[^>]*\s(src|href|data|action)=|\sstyle=|<[^>]*\son[a-z]+\s*=|@import|url\(`)
	for _, tag := range outside.FindAllString(bare, -1) {
		if tag != `<link rel="" href=` {
			t.Errorf("the page has %q", tag)
		}
	}
}

// TestForeignText: text from elsewhere is shown, as text: no tag, no attribute and no character
// that hides or turns text comes from it.
func TestForeignText(t *testing.T) {
	text := page(t, reporttest.Foreign())
	if n := strings.Count(text, "&lt;script&gt;alert(1)&lt;/script&gt;"); n < 20 {
		t.Errorf("the hostile text is shown %d times", n)
	}
	for _, planted := range []string{"<script>alert", "<img", "</td></script>", `onerror="`} {
		if strings.Contains(text, planted) {
			t.Errorf("the page has %q", planted)
		}
	}
	for _, c := range text {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
			t.Errorf("the page has %U", c)
		}
	}
	if strings.Contains(text, "ZgotmplZ") {
		t.Error("the template refused something")
	}
	if links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(text, -1); len(links) != 3 ||
		!strings.HasPrefix(links[2][1], "#%3C%2Ftd%3E") || links[1][1] != "https://example.com/runs/1?x=1&amp;y=2" {
		t.Errorf("the links are %q", links)
	}
}

// TestRowsHaveDistinctIDs: even if two accounts have a store of the same name, and for names that
// look alike.
func TestRowsHaveDistinctIDs(t *testing.T) {
	inv := reporttest.Sample()
	again := inv.Stores[0]
	again.Key.Account = "fedcba9876543210fedcba9876543210"
	inv.Stores = append(inv.Stores, again)
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`<tr role="row" id="([^"]+)"`).FindAllStringSubmatch(page(t, inv), -1) {
		if ids[m[1]] {
			t.Errorf("two rows are %s", m[1])
		}
		ids[m[1]] = true
	}
	if n := 2 * len(again.Secrets); len(ids) != n || !ids["default_secrets_store/stripe-secret-key"] ||
		!ids["fedcba9876543210fedcba9876543210/default_secrets_store/stripe-secret-key"] {
		t.Errorf("%d rows, want %d: %v", len(ids), n, ids)
	}
}

// TestFilter: known values are withheld in the page's text. The script and the style are not touched,
// even if a value is a word in them.
func TestFilter(t *testing.T) {
	inv := reporttest.Sample()
	withheld := func(text []byte) []byte {
		for _, value := range []string{"payments", "hashchange", "break-inside"} {
			text = bytes.ReplaceAll(text, []byte(value), []byte("[value withheld]"))
		}
		return text
	}
	text, err := describe(inv).HTML(withheld)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Contains(got, "payments") || !strings.Contains(got, "owner: [value withheld]") ||
		!strings.Contains(got, "hashchange") || !strings.Contains(got, "break-inside") {
		t.Error("what the filter knows is not withheld, or the script or the style was changed")
	}
}

func TestIsHTML(t *testing.T) {
	if text := page(t, reporttest.Empty()); !report.IsHTML([]byte(text)) {
		t.Error("a page is not recognized")
	}
	for _, other := range []string{"", "<!doctype html><title>ours</title>", "version: 1\n"} {
		if report.IsHTML([]byte(other)) {
			t.Errorf("%q is taken for a page", other)
		}
	}
}

// TestOnlyKnownWords: every state and every knowledge about values of the sample has words.
func TestOnlyKnownWords(t *testing.T) {
	var doc struct {
		Secrets []struct{ State, Value string }
	}
	var b bytes.Buffer
	if err := describe(reporttest.Sample()).JSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	states := map[string]bool{}
	for _, s := range doc.Secrets {
		states[s.State] = true
		if s.Value == "" {
			t.Errorf("%+v", s)
		}
	}
	for _, s := range []string{"drift", "missing", "interrupted", "overdue", "not_applied", "removed", "unmanaged", "external", "previous", "ok"} {
		if !states[s] {
			t.Errorf("the sample has no secret in state %s", s)
		}
	}
}

// TestBoundTwice: a configuration that binds a secret twice, and both bindings deployed, are two readers.
// A third that is only deployed is another.
func TestBoundTwice(t *testing.T) {
	inv := reporttest.Sample()
	at := func(line int) planner.Reference {
		return planner.Reference{Worker: "api", Pos: planner.Position{File: "wrangler.toml", Line: line, Column: 1}}
	}
	deployed := func(binding string) planner.Reference {
		return planner.Reference{Worker: "api", Reader: planner.ReaderDeployed, Binding: binding}
	}
	inv.Stores[0].Secrets[0].Readers = []planner.Reference{at(3), at(7), deployed("ONE"), deployed("TWO"), deployed("THREE")}
	want := []report.Reader{
		{Name: "api", Binding: "ONE", Position: "wrangler.toml:3:1", Deployed: true},
		{Name: "api", Binding: "TWO", Position: "wrangler.toml:7:1", Deployed: true},
		{Kind: planner.ReaderDeployed, Name: "api", Binding: "THREE", Deployed: true},
	}
	if diff := cmp.Diff(want, describe(inv).Secrets[0].Readers); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
