// Package syntax reads YAML, TOML and JSON into one tree whose every node knows
// where it stands, so that the rest of the program neither cares which of them a
// file is written in nor reports a mistake without its place.
//
// Call [Parse]. It opens no file, and its errors never quote a scalar: a file
// may hold a secret in any place.
package syntax

import (
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Column count from 1, columns in
// characters; a zero Line means the file as a whole.
type Pos struct {
	File         string
	Line, Column int
}

// String is "file:line:column", or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Kind is what a node is.
type Kind int

// The kinds of nodes.
const (
	// Refused is what has been reported already: what it is, nobody can say.
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
	Pos  Pos
	// Text is a scalar's content: a string's characters, "true" or "false", a
	// number or date as written. It may be a secret: never put it in a message
	// unless the place it stands in cannot hold one.
	Text string
	// Fields are a map's, in the order written. Keys are unique.
	Fields []Field
	// Items are a list's.
	Items []*Node
}

// Field is one entry of a map.
type Field struct {
	Key   string
	Pos   Pos // of the key
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

// Error is one mistake: what is wrong, where, and what would be right. Neither
// text may hold a value.
type Error struct {
	Pos  Pos
	What string
	Hint string // may be empty
}

// Error is "file:line:column: what (hint)".
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Pos.String() + ": " + e.What
	}
	return e.Pos.String() + ": " + e.What + " (" + e.Hint + ")"
}

// ErrorList is every mistake that was found.
type ErrorList []*Error

// Add appends a mistake. hint may be empty; what is formatted as by fmt.Sprintf.
func (l *ErrorList) Add(pos Pos, hint, what string, args ...any) {
	*l = append(*l, &Error{Pos: pos, What: fmt.Sprintf(what, args...), Hint: hint})
}

// maxTold bounds the mistakes that are told: a hostile file may have a million.
const maxTold = 1000

// Err returns the list sorted by position and without repetitions, or nil where
// it is empty. Of very many mistakes it has the first, and says how many there are.
func (l ErrorList) Err() error {
	if len(l) == 0 {
		return nil
	}
	sorted := slices.Clone(l)
	slices.SortStableFunc(sorted, func(a, b *Error) int {
		if c := strings.Compare(a.Pos.File, b.Pos.File); c != 0 {
			return c
		}
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Column - b.Pos.Column
	})
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
