package redact

import (
	"slices"
	"strings"
)

// known is a tree of the texts that continue a [start]: each node continues its parent. The time
// to add and to find a text depends on its length only, however many texts have the same start.
type known struct {
	text []byte   // what the node adds to its parent; of the root, what follows the start
	of   *value   // the value that ends here; nil if none does
	next []*known // by the first byte of their text, no two with the same
}

// value is a value, or a line of one.
type value struct {
	bytes  []byte
	public bool // it is part of one of the first texts that are public
	asked  int  // how many public texts that is about
}

// add adds text, a form of the value of. It counts the nodes that it visits.
func (k *known) add(text string, of *value, visited *int) {
	for {
		*visited++
		n := common(k.text, text)
		if n < len(k.text) {
			rest := &known{k.text[n:], k.of, k.next}
			k.text, k.of, k.next = k.text[:n], nil, []*known{rest}
		}
		text = text[n:]
		if len(text) == 0 {
			if k.of == nil {
				k.of = of
			}
			return
		}
		at, found := k.child(text[0])
		if !found {
			k.next = slices.Insert(k.next, at, &known{text: []byte(text), of: of})
			return
		}
		k = k.next[at]
	}
}

func (k *known) child(first byte) (at int, found bool) {
	return slices.BinarySearchFunc(k.next, first, func(c *known, b byte) int { return int(c.text[0]) - int(b) })
}

// find returns the values that end within data and the length of each, the shortest first,
// and whether all of data is the beginning of a longer text. It counts the nodes that it visits.
func (k *known) find(data []byte, visited *int) (ends []end, partly bool) {
	for at := 0; ; {
		*visited++
		rest := data[at:]
		n := common(k.text, rest)
		if n < len(k.text) {
			return ends, n == len(rest)
		}
		at, rest = at+n, rest[n:]
		if k.of != nil {
			ends = append(ends, end{at, k.of})
		}
		if len(rest) == 0 {
			return ends, len(k.next) > 0
		}
		child, found := k.child(rest[0])
		if !found {
			return ends, false
		}
		k = k.next[child]
	}
}

// end is where a known text ends.
type end struct {
	length int
	of     *value
}

// forget overwrites all text.
func (k *known) forget() {
	clear(k.text)
	if k.of != nil {
		clear(k.of.bytes)
	}
	for _, c := range k.next {
		c.forget()
	}
}

// common returns how many bytes a and b have in common at their beginning.
func common[T []byte | string](a []byte, b T) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// isPublic reports whether v is part of public text. What was found is remembered: a value such
// as "production" can be in every line.
func (v *value) isPublic(public []string) bool {
	if v.public {
		return true
	}
	text := string(v.bytes)
	v.public = slices.ContainsFunc(public[v.asked:], func(p string) bool { return strings.Contains(p, text) })
	v.asked = len(public)
	return v.public
}
