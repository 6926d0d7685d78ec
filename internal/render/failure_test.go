package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"pgregory.net/rapid"
)

const (
	commit = "0123456789012345678901234567890123456789"
	runURL = "https://ci.example/team/secrets/-/jobs/1?x=y&z=%20#fragment"
)

// TestNewOrigin: a commit and a URL are written as they are, so nothing else is kept.
func TestNewOrigin(t *testing.T) {
	plain := strings.TrimSuffix(runURL, "#fragment")
	for _, good := range [][2]string{{commit, plain}, {commit + "-dirty", ""}, {strings.Repeat("a", 64), "http://localhost:3000/x"}, {"", ""}} {
		if o := render.NewOrigin(good[0], good[1]); o.Commit() != good[0] || o.RunURL() != good[1] {
			t.Errorf("%q: %q, %q", good, o.Commit(), o.RunURL())
		}
	}
	for _, bad := range []string{
		"abc1234", commit + "\n", strings.ToUpper(strings.Repeat("a", 40)), "--> @everyone", commit + "-dirty-->",
		"javascript:alert(1)", "https://", "https:///path", "//host/path", "https://x.example/)[y](z", "https://x.example/<b>", "https://x.example/a b",
		"https://x.example/-->", "https://x.example/\u202e", "https://x.example/`", "https://x.example/" + strings.Repeat("a", 2000), runURL,
	} {
		if o := render.NewOrigin(bad, bad); o != (render.Origin{}) {
			t.Errorf("%q is kept: %q, %q", bad, o.Commit(), o.RunURL())
		}
	}
}

// mistakes are n reasons of a failure.
func mistakes(n int) *render.Failure {
	f := &render.Failure{Command: "plan", Manifest: "secretsync.yaml", ExitCode: 1, Origin: render.NewOrigin(commit, "https://ci.example/1")}
	for i := range n {
		f.Mistakes = append(f.Mistakes, render.Mistake{Pos: at(i + 1), Rule: "unknown-key", What: fmt.Sprintf("unknown key \"%03d\"", i), Hint: "remove it"})
	}
	return f
}

func failureMarkdown(t interface{ Fatal(...any) }, f *render.Failure) string {
	var out bytes.Buffer
	if err := render.FailureMarkdown(&out, f); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFailureMarkdown(t *testing.T) {
	f := mistakes(2)
	f.Mistakes[1].Pos, f.Hints = planner.Position{}, []string{"read the documentation"}
	golden(t, "failure.md", []byte(failureMarkdown(t, f)))

	// What does not fit is counted, and the hints about all of it stay.
	f = mistakes(1000)
	for i := range f.Mistakes {
		f.Mistakes[i].What = strings.Repeat("long ", 100)
	}
	f.Hints = []string{"read the documentation"}
	text := failureMarkdown(t, f)
	shown := strings.Count(text, "secretsync.yaml:")
	want := fmt.Sprintf("\n… and %d more that do not fit in a comment: see the log\nhint: read the documentation\n```\n", 1000-shown)
	if len(text) > render.MaxMarkdown || shown < 50 || !strings.Contains(text, want) {
		t.Errorf("%d characters, %d mistakes shown, want %q", len(text), shown, want)
	}

	// However long one piece is, the comment fits, and the position of the first mistake is in it.
	f = mistakes(1)
	f.Mistakes[0].What, f.Mistakes[0].Hint = strings.Repeat("\U0001f600\u202e", 1<<16), strings.Repeat("`", 1<<16)
	if text := failureMarkdown(t, f); len(text) > render.MaxMarkdown || !strings.Contains(text, "\nsecretsync.yaml:1:7: ") {
		t.Errorf("%d characters", len(text))
	}
}

// TestFailureOfForeignText: whatever is in a message, it stays inside its block, its annotation
// and its string, and no line is a command.
func TestFailureOfForeignText(t *testing.T) {
	hostile := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"```", "`````\n# heading", "~~~", "::error::x", "\n::set-output name=x::y", "##[command]x", "--> <script>", "@everyone", "\u202etxt", "a,b:c", "\r\n",
	}))
	command := regexp.MustCompile(`^::error [^:]*::`)
	rapid.Check(t, func(t *rapid.T) {
		f := mistakes(2)
		f.Mistakes[0].Pos.File, f.Mistakes[0].What, f.Mistakes[0].Hint = hostile.Draw(t, "file"), hostile.Draw(t, "what"), hostile.Draw(t, "hint")
		f.Hints = []string{hostile.Draw(t, "about all")}
		_, block, _ := strings.Cut(failureMarkdown(t, f), "\n\n`")
		lines := strings.Split("`"+block, "\n")
		fence := strings.TrimSuffix(lines[0], "text")
		end := len(lines) - 2 // the last line is empty
		if strings.Trim(fence, "`") != "" || lines[end] != fence {
			t.Fatalf("no block: %q", block)
		}
		for _, line := range lines[1:end] {
			if strings.Contains(line, fence) || strings.HasPrefix(strings.TrimLeft(line, " "), "::") || strings.ContainsAny(line, "\r\u202e") || strings.Contains(line, "##[") {
				t.Fatalf("not neutral: %q", line)
			}
		}
		var out bytes.Buffer
		if err := render.FailureGitHub(&out, f); err != nil {
			t.Fatal(err)
		}
		annotations := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(annotations) != 2 || !command.MatchString(annotations[0]) || !command.MatchString(annotations[1]) {
			t.Fatalf("%q", out.String())
		}
		for _, write := range []func(*bytes.Buffer) error{
			func(b *bytes.Buffer) error { return render.FailureJSON(b, f) },
			func(b *bytes.Buffer) error { return render.FailureCodeQuality(b, f) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil || !json.Valid(b.Bytes()) || strings.Contains(b.String(), "\u202e") {
				t.Fatalf("%v\n%s", err, b.String())
			}
		}
	})
}

func TestFailureGitLab(t *testing.T) {
	f := mistakes(2)
	f.Mistakes[1] = render.Mistake{Rule: "error", What: "no token"}
	var quality, report bytes.Buffer
	if err := render.FailureCodeQuality(&quality, f); err != nil {
		t.Fatal(err)
	}
	var findings []struct {
		CheckName string `json:"check_name"`
		Location  struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal(quality.Bytes(), &findings); err != nil {
		t.Fatal(err)
	}
	if len(findings) != 2 || findings[0].CheckName != "secretsync/unknown-key" || findings[1].CheckName != "secretsync/error" ||
		findings[1].Location.Path != "secretsync.yaml" || findings[1].Location.Lines.Begin != 1 {
		t.Errorf("%+v", findings)
	}
	// Without the three counts, GitLab says that the report could not be generated.
	if err := render.FailureReport(&report, f); err != nil {
		t.Fatal(err)
	}
	var counts map[string]any
	if err := json.Unmarshal(report.Bytes(), &counts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"error": "The plan failed: 2 errors."}, counts); diff != "" {
		t.Error(diff)
	}
}

// TestSameMistakeTwice: GitLab shows every one of several equal mistakes, which needs other fingerprints.
func TestSameMistakeTwice(t *testing.T) {
	f := mistakes(3)
	for i := range f.Mistakes {
		f.Mistakes[i].What = `unknown key "form"`
	}
	var out bytes.Buffer
	if err := render.FailureCodeQuality(&out, f); err != nil {
		t.Fatal(err)
	}
	var findings []struct{ Fingerprint string }
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		t.Fatal(err)
	}
	prints := map[string]bool{}
	for _, finding := range findings {
		prints[finding.Fingerprint] = true
	}
	if len(findings) != 3 || len(prints) != 3 {
		t.Errorf("%d findings with %d fingerprints", len(findings), len(prints))
	}
}
