// Package syntax reads YAML, TOML and JSON into one tree. Every node knows its
// position, so the rest of the program does not depend on a file's format, and can
// report every mistake with its place.
//
// Call [Parse]. It opens no file, and its errors never quote a scalar: a file
// may hold a secret in any place.
package syntax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
)

// Kind is what a node is.
type Kind int

// The kinds of nodes.
const (
	// Refused is a value that was already reported as a mistake; its kind is unknown.
	Refused Kind = iota
	Null
	Bool
	Int
	Float
	Time
	String
	Map
	List
)

// String names the kind as an error message would.
func (k Kind) String() string {
	return map[Kind]string{
		Refused: "refused", Null: "nothing", Bool: "a boolean", Int: "an integer", Float: "a number", Time: "a date",
		String: "a string", Map: "a map", List: "a list",
	}[k]
}

// Node is one value of a document.
type Node struct {
	Kind Kind
	Pos  position.Position
	// Text is a scalar's content: a string's characters, "true" or "false", a
	// number or date as written. It may be a secret: never quote it in a message
	// unless its place in the document cannot hold one.
	Text string
	// Fields are a map's, in the order written. Keys are unique.
	Fields []Field
	// Items are a list's.
	Items []*Node
	// Anchored says that a YAML anchor in it was reported as a mistake: it may be there for
	// its aliases alone.
	Anchored bool
}

// Field is one entry of a map.
type Field struct {
	Key   string
	Pos   position.Position // of the key
	Value *Node
}

// Get returns the value of a map's field, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// Equal reports whether two trees have the same content, whatever their positions in the text and
// the order of a map's fields.
func (n *Node) Equal(o *Node) bool {
	if n == nil || o == nil || n.Kind != o.Kind || n.Text != o.Text || len(n.Fields) != len(o.Fields) || len(n.Items) != len(o.Items) {
		return false
	}
	fields := make(map[string]*Node, len(o.Fields))
	for _, f := range o.Fields {
		fields[f.Key] = f.Value
	}
	for _, f := range n.Fields {
		if !f.Value.Equal(fields[f.Key]) {
			return false
		}
	}
	for i := range n.Items {
		if !n.Items[i].Equal(o.Items[i]) {
			return false
		}
	}
	return true
}

// Error is one mistake: what is wrong, where, and what would be right. Neither
// text may hold a value.
type Error struct {
	Pos  position.Position
	What string
	Hint string // may be empty
	// Kind is nil, or what [errors.Is] and [errors.As] find: for callers that have more to
	// say about such a mistake. It is comparable.
	Kind error
	// Rule names the kind of mistake for programs: a word that stays the same when the text
	// changes. It may be empty.
	Rule string
}

// Errorf returns a mistake. hint may be empty; what is formatted as by fmt.Sprintf.
func Errorf(pos position.Position, hint, what string, args ...any) *Error {
	return &Error{Pos: pos, What: fmt.Sprintf(what, args...), Hint: hint}
}

// Error is "file:line:column: what (hint)".
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Pos.String() + ": " + e.What
	}
	return e.Pos.String() + ": " + e.What + " (" + e.Hint + ")"
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// ErrorList is every mistake that was found.
type ErrorList []*Error

// maxKept bounds the mistakes that [ErrorList.Add] keeps: a hostile file may have a million.
const maxKept = 100_000

// Full reports whether the list keeps no more mistakes.
func (l ErrorList) Full() bool { return len(l) >= maxKept }

// Add appends a mistake, unless the list is full. hint may be empty; what is formatted as by
// fmt.Sprintf.
func (l *ErrorList) Add(pos position.Position, hint, what string, args ...any) {
	if l.Full() {
		return
	}
	*l = append(*l, Errorf(pos, hint, what, args...))
}

// Tag sets the rule of the mistakes from an index on that have none. Deferred at the start of
// a function, with the length of the list, it sets the rule of all mistakes that the function
// reports, unless a function that it called has set one.
func (l *ErrorList) Tag(rule string, from int) {
	for _, e := range (*l)[from:] {
		if e.Rule == "" {
			e.Rule = rule
		}
	}
}

// maxTold bounds the mistakes that are reported.
const maxTold = 1000

// Err returns the list as an error: nil where it is empty, else the ErrorList that
// [ErrorList.Sorted] returns. [errors.As] finds it.
func (l ErrorList) Err() error {
	if len(l) == 0 {
		return nil
	}
	return ErrorList(l.Sorted())
}

// Sorted returns the mistakes sorted by position and without repetitions. If there are very
// many, it returns the first ones, and says how many more the list has.
//
// A function that returns what it could read together with its mistakes returns them as
// a slice, which is not an error: so the compiler distinguishes "failed" from "read, with
// mistakes".
func (l ErrorList) Sorted() []*Error {
	if len(l) == 0 {
		return nil
	}
	sorted := slices.Clone(l)
	slices.SortStableFunc(sorted, func(a, b *Error) int { return a.Pos.Compare(b.Pos) })
	sorted = slices.CompactFunc(sorted, func(a, b *Error) bool { return *a == *b })
	if more := len(sorted) - maxTold; more > 0 {
		sorted = append(sorted[:maxTold], &Error{Pos: sorted[maxTold].Pos, What: fmt.Sprintf("and %d more mistakes", more)})
	}
	return sorted
}

// Error is one mistake a line.
func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes one by one.
func (l ErrorList) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}
