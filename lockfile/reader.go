package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// maxMistakes bounds the report on a file that is no lockfile at all.
const maxMistakes = 100

// reader decodes well-formed JSON and collects mistakes in its meaning. Decoding with
// encoding/json alone would neither reject duplicate names nor know positions.
type reader struct {
	name string
	data []byte
	dec  *json.Decoder
	errs syntax.ErrorList
}

func newReader(name string, data []byte) *reader {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return &reader{name: name, data: data, dec: dec}
}

// fail records a mistake at an offset.
func (r *reader) fail(offset int, todo remedy, what string, args ...any) {
	if len(r.errs) < maxMistakes {
		r.errs = append(r.errs, &syntax.Error{Pos: r.position(offset), What: fmt.Sprintf(what, args...), Hint: todo.hint, Kind: todo.kind, Rule: "lockfile"})
	}
}

// position returns the line and column of an offset.
func (r *reader) position(offset int) position.Position {
	before := r.data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return position.Position{
		File: r.name, Line: 1 + bytes.Count(before, []byte("\n")), Column: 1 + utf8.RuneCount(before[start:]),
	}
}

// token returns the next token. It cannot fail, because the text is well-formed.
func (r *reader) token() json.Token {
	t, _ := r.dec.Token()
	return t
}

// next returns the offset of the next name or value. It is called only where the grammar
// requires one, so in a well-formed text there is one.
func (r *reader) next() int {
	return len(r.data) - len(bytes.TrimLeft(r.data[r.dec.InputOffset():], " \t\r\n:,"))
}

// value returns the next value as JSON.
func (r *reader) value() json.RawMessage {
	var raw json.RawMessage
	_ = r.dec.Decode(&raw) // cannot fail, as in token
	return raw
}

// starts reports whether the next value starts with one of the given bytes, which decide
// its type. If not, it records a mistake and skips the value.
func (r *reader) starts(with, want string) bool {
	at := r.next()
	if strings.IndexByte(with, r.data[at]) >= 0 {
		return true
	}
	r.fail(at, unedit, "expected %s", want)
	r.value()
	return false
}

// members calls read for each member of an object; read must consume the value. It returns
// the offset at which each name occurred first, or nil if the next value is no object.
func (r *reader) members(read func(name string, offset int)) map[string]int {
	if !r.starts("{", "an object") {
		return nil
	}
	r.token()
	seen := map[string]int{}
	for r.dec.More() {
		at := r.next()
		name, _ := r.token().(string)
		if first, twice := seen[name]; twice {
			r.fail(at, settle, "%s is given twice, first in line %d", syntax.QuoteKey(name), r.position(first).Line)
		} else {
			seen[name] = at
		}
		read(name, at)
	}
	r.token()
	return seen
}

// object reads an object. Each field is read by the function under its name. Unknown fields
// and missing required fields are mistakes.
func (r *reader) object(fields map[string]func(), required ...string) {
	start := r.next()
	seen := r.members(func(name string, at int) {
		read := fields[name]
		if read == nil {
			r.fail(at, unknown, "unknown field %s", syntax.QuoteKey(name)) // in another file it could be a value
			r.value()
			return
		}
		read()
	})
	var missing []string
	for _, name := range required {
		if _, there := seen[name]; seen != nil && !there {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if len(missing) > 0 {
		r.fail(start, unedit, "%s is missing", strings.Join(missing, ", "))
	}
}

// list calls read for each element of an array; read must consume it.
func (r *reader) list(read func()) {
	if !r.starts("[", "a list") {
		return
	}
	r.token()
	for r.dec.More() {
		read()
	}
	r.token()
}

// text returns a function that reads a string of form f into dst.
func text[T ~string](r *reader, dst *T, f form) func() {
	return func() {
		if !r.starts(`"`, "a string") {
			return
		}
		at := r.next()
		s, _ := r.token().(string)
		if !f.ok(s) {
			r.fail(at, unedit, "expected %s", f.want) // not quoted: it could be a secret value
		}
		*dst = T(s)
	}
}

// time returns a function that reads a time into dst.
func (r *reader) time(dst *time.Time) func() {
	return func() {
		var s string
		text(r, &s, second)()
		*dst, _ = parseTime(s)
	}
}

// texts returns a function that reads a list of strings of form f into dst.
func (r *reader) texts(dst *[]string, f form) func() {
	return func() {
		r.list(func() {
			var s string
			text(r, &s, f)()
			*dst = append(*dst, s)
		})
	}
}

// integer reads a whole number into dst, which it leaves alone if the number does not fit.
func (r *reader) integer(dst *int) {
	if !r.starts("-0123456789", "a number") {
		return
	}
	n, _ := r.token().(json.Number)
	if i, err := strconv.Atoi(n.String()); err == nil {
		*dst = i
	}
}

// boolean returns a function that reads a boolean into dst.
func (r *reader) boolean(dst *bool) func() {
	return func() {
		if r.starts("tf", "true or false") {
			*dst, _ = r.token().(bool)
		}
	}
}
