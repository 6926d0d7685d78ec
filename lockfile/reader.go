package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
)

// maxMistakes bounds the report on a file that is not a lockfile at all.
const maxMistakes = 100

// reader reads well-formed JSON and collects mistakes in its meaning. Decoding with encoding/json
// would neither reject duplicate names nor know positions, and its tokens take four times as long.
type reader struct {
	name string
	data []byte
	at   int // how much is read
	errs syntax.ErrorList
}

func newReader(name string, data []byte) *reader { return &reader{name: name, data: data} }

// fail records a mistake at an offset.
func (r *reader) fail(offset int, todo remedy, what string, args ...any) {
	if !r.full() {
		r.errs = append(r.errs, &syntax.Error{
			Pos: r.position(offset), What: fmt.Sprintf(what, args...), Hint: todo.hint, Kind: todo.kind, Rule: "lockfile",
		})
	}
}

// full reports whether further mistakes are not recorded.
func (r *reader) full() bool { return len(r.errs) >= maxMistakes }

// position returns the line and column of an offset.
func (r *reader) position(offset int) position.Position {
	before := r.data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return position.Position{
		File: r.name, Line: 1 + bytes.Count(before, []byte("\n")), Column: 1 + utf8.RuneCount(before[start:]),
	}
}

// next returns the offset of the next name or value. It is called only where the grammar
// requires one, so in a well-formed text there is one.
func (r *reader) next() int {
	r.at = len(r.data) - len(bytes.TrimLeft(r.data[r.at:], " \t\r\n:,"))
	return r.at
}

// more reports whether another element follows in an object or list, and otherwise reads its end.
func (r *reader) more() bool {
	at := r.next()
	if c := r.data[at]; c != '}' && c != ']' {
		return true
	}
	r.at++
	return false
}

// string reads a string, and returns it without its quotes and escapes.
func (r *reader) string() []byte {
	start := r.next()
	if plain, _, _ := bytes.Cut(r.data[start+1:], []byte(`"`)); !bytes.ContainsRune(plain, '\\') {
		r.at = start + len(plain) + 2
		return plain
	}
	var s string
	dec := json.NewDecoder(bytes.NewReader(r.data[start:]))
	_ = dec.Decode(&s) // cannot fail, because the text is well-formed
	r.at = start + int(dec.InputOffset())
	return []byte(s)
}

// wordBytes are the bytes of numbers, true, false and null.
const wordBytes = "+-.0123456789Eaeflnrstu"

// word reads a number, true, false or null.
func (r *reader) word() string {
	start := r.next()
	r.at = len(r.data) - len(bytes.TrimLeft(r.data[start:], wordBytes))
	return string(r.data[start:r.at])
}

// value reads the next value, and returns it as JSON.
func (r *reader) value() json.RawMessage {
	start := r.next()
	switch r.data[start] {
	case '{':
		r.members(func(member) { r.value() })
	case '[':
		r.list(func() { r.value() })
	case '"':
		r.string()
	default:
		r.word()
	}
	return r.data[start:r.at]
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

// member is a name in an object, and its offset.
type member struct {
	name []byte
	at   int
}

// members calls read for each member of an object; read must consume the value. It returns false if
// the next value is not an object.
func (r *reader) members(read func(member)) bool {
	if !r.starts("{", "an object") {
		return false
	}
	for r.at++; r.more(); {
		at := r.next()
		read(member{r.string(), at})
	}
	return true
}

// twice records that a member was given before, at an offset.
func (r *reader) twice(m member, first int) {
	if !r.full() { // finding the line takes time
		r.fail(m.at, settle, "%s is given twice, first in line %d", syntax.QuoteKey(string(m.name)), r.position(first).Line)
	}
}

// maxFields bounds how many fields of an object are compared with one another: no object of a
// lockfile has as many.
const maxFields = 64

// object reads an object. read reads the value of a field, or returns false if there is no field
// of that name. Unknown fields and missing required fields are mistakes.
func (r *reader) object(read func(field []byte) bool, required ...string) {
	start := r.next()
	var room [16]member
	seen := room[:0]
	ok := r.members(func(m member) {
		if i := find(seen, m.name); i >= 0 {
			r.twice(m, seen[i].at)
		} else if len(seen) < maxFields {
			seen = append(seen, m)
		}
		if !read(m.name) {
			r.fail(m.at, unknown, "unknown field %s", syntax.QuoteKey(string(m.name))) // in another file it could be a value
			r.value()
		}
	})
	var missing []string
	for _, name := range required {
		if ok && find(seen, []byte(name)) < 0 {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if len(missing) > 0 {
		r.fail(start, unedit, "%s is missing", strings.Join(missing, ", "))
	}
}

// find returns the index of a name, or -1.
func find(members []member, name []byte) int {
	return slices.IndexFunc(members, func(m member) bool { return bytes.Equal(m.name, name) })
}

// list calls read for each element of an array; read must consume it.
func (r *reader) list(read func()) {
	if !r.starts("[", "a list") {
		return
	}
	for r.at++; r.more(); {
		read()
	}
}

// text reads a string of form f into dst.
func text[T ~string](r *reader, dst *T, f form) {
	if !r.starts(`"`, "a string") {
		return
	}
	at := r.next()
	s := string(r.string())
	if !f.ok(s) {
		r.fail(at, unedit, "expected %s", f.want) // not quoted: it could be a secret value
	}
	*dst = T(s)
}

// time reads a time into dst.
func (r *reader) time(dst *time.Time) {
	var s string
	text(r, &s, form{func(s string) (ok bool) {
		*dst, ok = parseTime(s)
		return ok
	}, "an RFC 3339 time in UTC and whole seconds"})
}

// texts reads a list of strings of form f into dst.
func (r *reader) texts(dst *[]string, f form) {
	r.list(func() {
		var s string
		text(r, &s, f)
		*dst = append(*dst, s)
	})
}

// integer reads a whole number into dst, which it leaves alone if the number does not fit.
func (r *reader) integer(dst *int) {
	if !r.starts("-0123456789", "a number") {
		return
	}
	if i, err := strconv.Atoi(r.word()); err == nil {
		*dst = i
	}
}

// boolean reads a boolean into dst.
func (r *reader) boolean(dst *bool) {
	if r.starts("tf", "true or false") {
		*dst = r.word() == "true"
	}
}
