package redact_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/secret"
	"pgregory.net/rapid"
)

// filtered writes pieces through a filter that knows the values.
func filtered(pieces []string, values ...string) (string, int) {
	f := redact.New()
	for _, v := range values {
		f.Know(secret.New([]byte(v)))
	}
	var b bytes.Buffer
	w := f.Writer(&b)
	for _, p := range pieces {
		_, _ = io.WriteString(w, p)
	}
	_ = f.Flush()
	return b.String(), f.Hits()
}

func TestFilterKnowsSpellings(t *testing.T) {
	const value = "s3cr\"et/ü+<\n\x1b[0m key"
	enc := base64.StdEncoding.EncodeToString
	j, _ := json.Marshal(value)
	for name, text := range map[string]string{
		"itself": value, "quoted": fmt.Sprintf("%q", value), "ASCII": fmt.Sprintf("%+q", value), "JSON": string(j),
		"hex": hex.EncodeToString([]byte(value)), "HEX": fmt.Sprintf("%X", value),
		"base64": enc([]byte(value)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(value)),
		"in base64": enc([]byte("user:" + value + ":x")), "in base64 too": enc([]byte("users:" + value)),
		"query": url.QueryEscape(value), "path": url.PathEscape(value),
		"a line of it": `s3cr"et/ü+<`,
	} {
		got, hits := filtered([]string{"before " + text + " after"}, value)
		if hits != 1 || !strings.Contains(got, redact.Withheld) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%s: %q, hits %d", name, got, hits)
		}
	}
}

// TestUnquoted: every way of quoting leaves these characters as they are, so that a value of no
// others has to be looked for once.
func TestUnquoted(t *testing.T) {
	for _, form := range redact.Quoted(redact.Unquoted + "\n") {
		if !strings.HasPrefix(form, redact.Unquoted) {
			t.Errorf("written as %q", form)
		}
	}
}

// TestBase64OfLongerText: exactly the digits that depend only on the value are withheld, whatever
// precedes and follows it.
func TestBase64OfLongerText(t *testing.T) {
	for name, enc := range map[string]*base64.Encoding{"standard": base64.RawStdEncoding, "URL": base64.RawURLEncoding} {
		for _, value := range []string{"Hunter", "Hunter2", "Hunter22", "k?>\xff\xfe-w", "\xfe?>?k\xffxy"} {
			for before := range 7 {
				for _, after := range []string{"abc", "abcd", "abcde"} {
					text := enc.EncodeToString([]byte(strings.Repeat("~", before) + value + after))
					first := (before*8 + 5) / 6 // of 6 bits each, from a boundary of 8
					end := (before + len(value)) * 8 / 6
					got, hits := filtered([]string{text}, value)
					if want := text[:first] + redact.Withheld + text[end:]; got != want || hits != 1 {
						t.Errorf("%s, %q after %d bytes: %q, want %q", name, value, before, got, want)
					}
				}
			}
		}
	}
}

// Text as short as a word, or shorter than every known value, passes.
func TestFilterBounds(t *testing.T) {
	for value, known := range map[string]bool{
		"12345": false, "123456": true, "abcdefghijk": false, "abcdefghijkl": true, "Abcdefghijk": true, "abcdefghij1": true,
		"one\ntwelve12": true, "\n12345 \n": false,
	} {
		line := strings.TrimSpace(value[strings.LastIndex(strings.TrimSpace(value), "\n")+1:])
		got, hits := filtered([]string{"<" + line + ">"}, value)
		if (hits == 1) != known || (got == "<"+redact.Withheld+">") != known {
			t.Errorf("%q: %q, hits %d; want known %v", value, got, hits, known)
		}
	}
}

// A value is withheld as soon as it is complete, unless a longer one begins with it.
func TestFilterAtTheEnd(t *testing.T) {
	f := redact.New()
	f.Know(secret.New([]byte("hunter2-1")))
	var b bytes.Buffer
	_, _ = io.WriteString(f.Writer(&b), "it is hunter2-1")
	if b.String() != "it is "+redact.Withheld || f.Hits() != 1 {
		t.Errorf("%q, hits %d", b.String(), f.Hits())
	}
}

// If several values match a text, the longest is withheld, in whatever order they were
// added.
func TestFilterTakesTheLongest(t *testing.T) {
	for _, values := range [][]string{{"hunter2", "hunter2-long"}, {"hunter2-long", "hunter2"}} {
		if got, hits := filtered([]string{"hunter2-long hunter2-l"}, values...); got != redact.Withheld+" "+redact.Withheld+"-l" || hits != 2 {
			t.Errorf("%q known: %q, hits %d", values, got, hits)
		}
	}
}

// TestFilterAcrossWrites splits a text with values anywhere: the output is the same.
func TestFilterAcrossWrites(t *testing.T) {
	values := []string{"aabaab1", "aabaab1aab2", "ab1aab1", "b1a b2a b3"}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(values), rapid.StringMatching(`[ab1 ]{0,9}`))).Draw(t, "parts")
		text := strings.Join(parts, "")
		var pieces []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		whole, _ := filtered([]string{text}, values...)
		got, _ := filtered(pieces, values...)
		if got != whole {
			t.Fatalf("%q in pieces %q", whole, got)
		}
		for _, v := range values {
			if strings.Contains(got, v) {
				t.Fatalf("%q holds %q", got, v)
			}
		}
	})
}

func TestFilterLeavesTextAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.String()).Draw(t, "pieces")
		got, hits := filtered(pieces, "correct horse battery", "42-staple-42")
		if want := strings.Join(pieces, ""); got != want || hits != 0 {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// An ordinary line is never held back, so that a person sees it at once.
func TestFilterHoldsNothingBack(t *testing.T) {
	f := redact.New()
	f.Know(secret.New([]byte("hunter2 and more")))
	var b bytes.Buffer
	w := f.Writer(&b)
	for _, line := range []string{"created prod/api-key\n", "Do this? Only \"yes\" goes ahead: ", "a line with hunter in it\n"} {
		b.Reset()
		_, _ = io.WriteString(w, line)
		if b.String() != line {
			t.Errorf("%q came as %q", line, b.String())
		}
	}
	b.Reset()
	_, _ = io.WriteString(w, "hunter2 and")
	if b.String() != "" {
		t.Errorf("the beginning of a value went out: %q", b.String())
	}
	if err := f.Flush(); err != nil || b.String() != "hunter2 and" {
		t.Errorf("the end brings %q, %v", b.String(), err)
	}
}

func TestFilterSkips(t *testing.T) {
	f := redact.New()
	f.Public("production-stripe-key", "sops a.yaml#stripe.key")
	for _, v := range []string{"12345", "account", "production", "stripe.key"} {
		f.Know(secret.New([]byte(v)))
	}
	var b bytes.Buffer
	const text = "account 12345: production-stripe-key from sops a.yaml#stripe.key\n"
	_, _ = io.WriteString(f.Writer(&b), text)
	if b.String() != text || f.Hits() != 0 {
		t.Errorf("%q", b.String())
	}
}

func TestFilterForgets(t *testing.T) {
	f := redact.New()
	f.Know(secret.New([]byte("hunter2-hunter2")))
	f.Forget()
	var b bytes.Buffer
	_, _ = io.WriteString(f.Writer(&b), "hunter2-hunter2\n")
	if f.Hits() != 0 || b.Len() == 0 {
		t.Error("it still knows the value")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFilterTellsOfErrors(t *testing.T) {
	f := redact.New()
	f.Know(secret.New([]byte("hunter2-hunter2")))
	w := f.Writer(broken{})
	if _, err := io.WriteString(w, "text"); err == nil {
		t.Error("an error of the writer is not reported")
	}
	if _, err := io.WriteString(w, "hunter2"); err != nil {
		t.Errorf("what is held back fails: %v", err)
	}
	if f.Flush() == nil {
		t.Error("an error of the end is not reported")
	}
	if redact.Unwrap(w) != (broken{}) || redact.Unwrap(broken{}) != (broken{}) {
		t.Error("Unwrap")
	}
}

func TestFilterOneAtATime(t *testing.T) {
	f := redact.New()
	var b bytes.Buffer // not synchronized: the race detector finds concurrent writes
	out, errs := f.Writer(&b), f.Writer(&b)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { fmt.Fprintln(out, "a whole line"); f.Know(secret.New(fmt.Appendf(nil, "value number %d", i))) })
		wg.Go(func() { fmt.Fprintln(errs, "a whole line") })
	}
	wg.Wait()
	if got := strings.Count(b.String(), "a whole line\n"); got != 100 {
		t.Errorf("%d whole lines of 100", got)
	}
}

// alike are many values that begin alike, as keys of one issuer do, and output in which many
// texts begin like them.
func alike(n int) (values []secret.Value, output []string) {
	for i := range n {
		values = append(values, secret.New(fmt.Appendf(nil, "secret-%06d-%x", i, sha256.Sum256(fmt.Append(nil, i)))))
		output = append(output, fmt.Sprintf("+ create  prod/secret-%06d  value from env VALUE\n", i))
	}
	return values, output
}

// Values that begin alike, and output in which much begins like them, take about as much work for
// each as a few do: a tree's depth grows with the logarithm of their number. A scan of all of them
// for each would be 100 times as much.
func TestFilterIsLinear(t *testing.T) {
	forEach := func(n int) (adding, finding float64) {
		values, output := alike(n)
		added := redact.Visited(pass(values, nil))
		return float64(added) / float64(n), float64(redact.Visited(pass(values, output))-added) / float64(n)
	}
	adds, finds := forEach(200)
	manyAdds, manyFinds := forEach(20_000)
	if adds < 1 || finds < 1 || manyAdds > 3*adds || manyFinds > 3*finds {
		t.Error("the work for each grows with their number")
	}
	t.Logf("nodes visited for each of 200 values: %.1f to add it, %.1f to look for it; of 20,000: %.1f, %.1f", adds, finds, manyAdds, manyFinds)
}

func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			values, output := alike(n)
			b.ReportAllocs()
			for b.Loop() {
				pass(values, output)
			}
		})
	}
}

// pass writes output through a filter that knows the values.
func pass(values []secret.Value, output []string) *redact.Filter {
	f := redact.New()
	for _, v := range values {
		f.Know(v)
	}
	w := f.Writer(io.Discard)
	for _, line := range output {
		_, _ = io.WriteString(w, line)
	}
	_ = f.Flush()
	f.Forget()
	return f
}
