// Package position has the one type for a place in a file. It imports no other package of
// this module, so every package, including the planner, can use it. Public packages declare
// aliases of it.
package position

import (
	"cmp"
	"strconv"
)

// Position is a place in a file. Line and Column count from 1, columns in characters. A
// zero Line means the whole file, and the zero Position no file at all. Plan files use the
// JSON form.
type Position struct {
	// File is the file's path.
	File string `json:"file"`
	// Line counts from 1; 0 means the whole file.
	Line int `json:"line,omitempty"`
	// Column counts characters from 1.
	Column int `json:"column,omitempty"`
}

// String is "file:line:column", or the file alone.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// IsZero reports whether the position names no file. encoding/json omits such a position
// from a field with the option omitzero.
func (p Position) IsZero() bool { return p.File == "" }

// Compare orders positions by file, line and column. It returns -1, 0 or +1.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}
