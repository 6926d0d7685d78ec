package syntax

import (
	"bytes"

	"github.com/secretsync/secretsync/internal/sopstext"
)

// conflictMarkers are how lines begin between which git leaves the two sides of a conflict.
// A blank or the end of the line follows.
var conflictMarkers = [][]byte{[]byte("<<<<<<<"), []byte("|||||||"), []byte("======="), []byte(">>>>>>>")}

// ConflictMarkers returns the offsets of the lines with which git's conflicts begin. If only other
// markers are left, it returns the offset of the first.
func ConflictMarkers(data []byte) []int {
	var begin, rest []int
	at := 0
	for line := range bytes.Lines(data) {
		if bytes.IndexByte([]byte("<|=>"), line[0]) < 0 { // as nearly all lines
			at += len(line)
			continue
		}
		for i, marker := range conflictMarkers {
			after, ok := bytes.CutPrefix(line, marker)
			switch {
			case !ok || len(after) > 0 && bytes.IndexByte([]byte(" \r\n"), after[0]) < 0:
			case i == 0:
				begin = append(begin, at)
			case len(rest) == 0:
				rest = append(rest, at)
			}
		}
		at += len(line)
	}
	if len(begin) > 0 {
		return begin
	}
	return rest
}

// wholeConflict reports whether the markers of a conflict's beginning, middle and end follow one
// another.
func wholeConflict(data []byte) bool {
	for _, marker := range []string{"<<<<<<< ", "=======", ">>>>>>> "} {
		i := bytes.Index(data, []byte("\n"+marker))
		if i < 0 {
			return false
		}
		data = data[i+len(marker)+1:]
	}
	return true
}

// conflicts reports git's conflicts instead of what they break.
func (p *parser) conflicts(markers []int) {
	todo := "keep what is right of the two sides, and remove git's markers"
	if bytes.Contains(p.src.data, []byte(sopstext.ValuePrefix)) { // a MAC binds the values to one another
		todo = "keep one side as it is, and make the other side's changes again with " +
			sopstext.Command("edit", p.src.name, sopstext.FormatOf(p.src.name, p.src.data))
	}
	p.errs = nil
	for _, at := range markers {
		p.errs.Add(p.src.pos(at), todo, "an unresolved git conflict")
	}
}
