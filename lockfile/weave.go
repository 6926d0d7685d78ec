package lockfile

import (
	"bytes"
	"cmp"
	"strings"
)

// Format returns the merged lockfile. Each conflict is between git's markers, with our and
// their record in full, so that keeping either side of each leaves a valid lockfile. Without
// conflicts, it is what [File.Format] returns.
func (m *Merged) Format() []byte { return m.text }

// Unmergeable returns both lockfiles as one conflict between git's markers, for two that
// [Merge] refuses: whoever overlooks that is stopped by the next command that reads it.
func Unmergeable(ours, theirs []byte) []byte {
	w := &weaver{ours: string(ours), theirs: string(theirs)}
	w.flush()
	return w.out.Bytes()
}

// Parts of a formatted lockfile, in the order of the file.
const (
	partTop = iota
	partKey
	partStores // from the opening bracket to the last store
	partEnd
)

// Parts of a store, in the order of the file.
const (
	storeOpen = iota
	storeSecret
	storeClose
)

// blockID identifies a block of lines in a formatted lockfile.
type blockID struct {
	part   int
	store  StoreKey
	inner  int
	secret string
}

func (p blockID) compare(q blockID) int {
	return cmp.Or(cmp.Compare(p.part, q.part), compareStores(p.store, q.store), cmp.Compare(p.inner, q.inner), cmp.Compare(p.secret, q.secret))
}

// blockID returns where a conflict is.
func (c *Conflict) blockID() blockID {
	switch {
	case c.Store == StoreKey{}:
		return blockID{part: partKey}
	case c.Secret == "":
		return blockID{part: partStores, store: c.Store}
	}
	return blockID{partStores, c.Store, storeSecret, c.Secret}
}

// block is some lines of a formatted lockfile.
type block struct {
	id   blockID
	text string
}

// blocks splits the formatted file into a block for each record. It goes by the indentation,
// which is always the same, and by the order of the records.
func (f *File) blocks() []block {
	var records []blockID
	for k, st := range f.All() {
		records = append(records, blockID{part: partStores, store: k})
		for name := range st.All() {
			records = append(records, blockID{partStores, k, storeSecret, name})
		}
	}
	blocks := []block{{}}
	for line := range strings.Lines(string(f.Format())) {
		last := &blocks[len(blocks)-1]
		start, inStores := last.id, last.id.part == partStores
		switch {
		case strings.HasPrefix(line, `  "fingerprint_key": {`):
			start = blockID{part: partKey}
		case strings.HasPrefix(line, `  "stores": [`):
			start = blockID{part: partStores}
		case strings.HasPrefix(line, `    {`), inStores && strings.HasPrefix(line, `        "`):
			start, records = records[0], records[1:]
		case inStores && strings.HasPrefix(line, `      }`):
			start = blockID{part: partStores, store: start.store, inner: storeClose}
		case strings.HasPrefix(line, `  ]`):
			start = blockID{part: partEnd}
		}
		if start == last.id {
			last.text += line
		} else {
			blocks = append(blocks, block{start, line})
		}
	}
	return blocks
}

// weave formats two versions of a lockfile as one, with their differences between git's
// markers, and sets the lines of the conflicts.
func weave(ours, theirs *File, conflicts []Conflict) []byte {
	w := &weaver{at: map[blockID]int{}}
	x, y := ours.blocks(), theirs.blocks()
	for len(x) > 0 || len(y) > 0 {
		order := 1
		switch {
		case len(y) == 0:
			order = -1
		case len(x) > 0:
			order = x[0].id.compare(y[0].id)
		}
		if order == 0 && x[0].text == y[0].text {
			w.flush()
			w.write(x[0].text)
			x, y = x[1:], y[1:]
			continue
		}
		switch order {
		case -1:
			w.at[x[0].id] = w.line
			w.ours += x[0].text
			x = x[1:]
		default: // the same block of ours, if there is one, is next
			w.at[y[0].id] = w.line
			w.theirs += y[0].text
			y = y[1:]
		}
	}
	w.flush()
	for i, c := range conflicts {
		conflicts[i].Line = 1 + w.at[c.blockID()]
	}
	return w.out.Bytes()
}

// weaver writes text, and conflicts between markers.
type weaver struct {
	out          bytes.Buffer
	line         int    // how many lines are written
	ours, theirs string // the conflict under way
	at           map[blockID]int
}

func (w *weaver) write(text string) {
	w.out.WriteString(text)
	w.line += strings.Count(text, "\n")
}

// flush writes the conflict under way, if there is one.
func (w *weaver) flush() {
	if w.ours != "" || w.theirs != "" {
		w.write("<<<<<<< ours\n" + endLine(w.ours) + "=======\n" + endLine(w.theirs) + ">>>>>>> theirs\n")
	}
	w.ours, w.theirs = "", ""
}

// endLine ends the last line of a text that a person may have edited.
func endLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
