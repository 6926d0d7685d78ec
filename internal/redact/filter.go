// Package redact is the last resort against printing a secret: writers that
// replace every value they know of before it reaches a terminal or a log.
package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/visible"
)

// Withheld is what a [Filter] writes instead of a value, whatever its length.
const Withheld = "[value withheld]"

// Filter is the last resort: writers that let no known value pass. Nothing relies on
// it. Each value that it has to withhold is a bug in what wrote it, and [Filter.Hits]
// counts them.
//
// Create writers with [Filter.Writer], add each value with [Filter.Know] before
// it is used, and at the end call [Filter.Flush] and [Filter.Forget]. It
// matches the value and each sufficiently long line of it, in every encoding listed
// in formsOf.
//
// Some values are not filtered, since that would garble all output and reveal by the gaps
// what they are: those of less than 6 bytes, words (of less than 12 letters, all of
// them lower case), and parts of the names and comments given to [Filter.Public].
type Filter struct {
	mu      sync.Mutex
	public  []string
	known   map[start]*known
	begun   map[string]bool // all that is shorter than a start and begins something known
	writers []*filtered
	hits    int
	visited int // nodes of known, each time: the work that adding and finding take
}

const (
	minKnown = 6
	maxWord  = 12
)

// start is how something known begins.
type start [minKnown]byte

// New returns a filter that knows nothing yet.
func New() *Filter {
	return &Filter{known: map[start]*known{}, begun: map[string]bool{}}
}

// Public adds text that is not secret, wherever it occurs. Text that others could
// have chosen must be added before it is written: a guess in it would be withheld if
// it is right, which would confirm it.
func (f *Filter) Public(text ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.public = append(f.public, text...)
}

// Know withholds v from now on.
func (f *Filter) Know(v secret.Value) {
	f.mu.Lock()
	defer f.mu.Unlock()
	whole := v.Reveal()
	f.know(whole)
	for line := range bytes.Lines(whole) {
		if line = bytes.TrimSpace(line); len(line) < len(whole) {
			f.know(line)
		}
	}
}

func (f *Filter) know(b []byte) {
	word := len(b) < maxWord && len(bytes.Trim(b, "abcdefghijklmnopqrstuvwxyz")) == 0
	if word || len(b) < minKnown {
		return
	}
	of := &value{bytes: bytes.Clone(b)}
	forms := formsOf(b)
	for i, s := range forms {
		if len(s) >= minKnown && !slices.Contains(forms[:i], s) {
			f.add(s, of)
		}
	}
}

func (f *Filter) add(text string, of *value) {
	begins := start([]byte(text))
	if k := f.known[begins]; k != nil {
		k.add(text[minKnown:], of, &f.visited)
		return
	}
	f.known[begins] = &known{text: []byte(text[minKnown:]), of: of}
	for n := range minKnown {
		f.begun[text[:n]] = true
	}
}

// formsOf returns the forms in which b is likely to be written: unchanged, quoted by Go,
// JSON or this program, in hexadecimal, percent-encoded, and in base64, even in the middle
// of a longer text.
func formsOf(b []byte) []string {
	all := quoted(string(b))
	digits := hex.EncodeToString(b)
	all = append(all, digits, strings.ToUpper(digits), base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b))
	for shift := range 3 {
		all = append(all, within(base64.RawStdEncoding, shift, b), within(base64.RawURLEncoding, shift, b))
	}
	return all
}

// quoted are the ways to quote text, with the text itself.
func quoted(text string) []string {
	if strings.Trim(text, unquoted) == "" {
		return []string{text}
	}
	all := []string{
		text, visible.Text(text), inner(strconv.Quote(text)), inner(strconv.QuoteToASCII(text)), url.QueryEscape(text), url.PathEscape(text),
	}
	for _, escapeHTML := range []bool{true, false} {
		var j bytes.Buffer
		e := json.NewEncoder(&j)
		e.SetEscapeHTML(escapeHTML)
		_ = e.Encode(text) // a string: cannot fail
		all = append(all, inner(strings.TrimSpace(j.String())))
	}
	return all
}

// unquoted are the characters that are written as themselves in every way of quoting. Most values
// have no others.
const unquoted = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// within is what b looks like in the base64 of a longer text, less the digits that
// its neighbours have a part in.
func within(enc *base64.Encoding, shift int, b []byte) string {
	text := enc.EncodeToString(append(make([]byte, shift), b...))
	if (shift+len(b))%3 != 0 {
		text = text[:len(text)-1]
	}
	return text[(shift*8+5)/6:]
}

// Hits counts the values that were withheld.
func (f *Filter) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// Forget overwrites all that the filter knows.
func (f *Filter) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.known {
		k.forget()
	}
	clear(f.known)
	clear(f.begun)
}

// Writer returns a writer to w. All writers of a filter write one at a time.
//
// What could be the beginning of a value is held back until more is written, or
// [Filter.Flush] is called; so a value that is written in pieces is found. That is
// the last few characters at most, unless a value is indeed being written.
func (f *Filter) Writer(w io.Writer) io.Writer {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &filtered{filter: f, w: w}
	f.writers = append(f.writers, out)
	return out
}

// Text returns text without known values, for a file that is written at once.
func (f *Filter) Text(text []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b bytes.Buffer
	_ = (&filtered{filter: f, w: &b}).pass(text, true) // a buffer takes everything
	return b.Bytes()
}

// Flush writes what is held back.
func (f *Filter) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first error
	for _, w := range f.writers {
		if err := w.pass(nil, true); err != nil && first == nil {
			first = fmt.Errorf("writing the output: %w", err)
		}
	}
	return first
}

type filtered struct {
	filter *Filter
	w      io.Writer
	held   []byte
}

// Unwrap returns the writer behind a filter's, or w itself: to ask if it is a terminal.
func Unwrap(w io.Writer) io.Writer {
	if f, ok := w.(*filtered); ok {
		return f.w
	}
	return w
}

func (w *filtered) Write(p []byte) (int, error) {
	w.filter.mu.Lock()
	defer w.filter.mu.Unlock()
	if err := w.pass(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// pass writes what is held and p. If nothing is to follow, nothing is held.
func (w *filtered) pass(p []byte, last bool) error {
	data := slices.Concat(w.held, p)
	clear(w.held)
	w.held = nil
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		n, partly := w.filter.find(data)
		switch {
		case partly && !last:
			w.held, data = data, nil
		case n > 0:
			w.filter.hits++
			out, data = append(out, Withheld...), data[n:]
		default:
			out, data = append(out, data[0]), data[1:]
		}
	}
	if len(out) == 0 {
		return nil
	}
	_, err := w.w.Write(out)
	return err
}

// find returns the length of the longest known text that data begins with, and
// whether all of data is the beginning of a longer one.
func (f *Filter) find(data []byte) (n int, partly bool) {
	if len(data) < minKnown {
		return 0, f.begun[string(data)]
	}
	k := f.known[start(data)]
	if k == nil {
		return 0, false
	}
	ends, partly := k.find(data[minKnown:], &f.visited)
	for _, e := range slices.Backward(ends) {
		if !e.of.isPublic(f.public) {
			return minKnown + e.length, partly
		}
	}
	return 0, partly
}
