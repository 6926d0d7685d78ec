package sopstree

import "strings"

// Index is a value of the encrypted tree whose children are found by their keys: a file may have
// thousands of values, and each is looked up.
type Index struct {
	Value any
	All   []Child
	Below []*Index       // for each child
	At    map[string]int // the first child with a key
	Twice map[string]bool
	// Exported has the keys that a dotenv file has as "export KEY", as a shell reads it: for SOPS,
	// the word is a part of the key (docs/sops.md §2).
	Exported map[string]string
}

// NewIndex indexes a value and all that is below it.
func NewIndex(v any) *Index {
	x := &Index{Value: v, All: Children(v)}
	if len(x.All) == 0 {
		return x
	}
	x.At, x.Twice, x.Exported = make(map[string]int, len(x.All)), map[string]bool{}, map[string]string{}
	for i, c := range x.All {
		x.Below = append(x.Below, NewIndex(c.Value))
		if _, again := x.At[c.Key]; again {
			x.Twice[c.Key] = true
			continue
		}
		x.At[c.Key] = i
		if name, ok := CutExport(c.Key); ok && x.Exported[name] == "" {
			x.Exported[name] = c.Key
		}
	}
	return x
}

// CutExport returns what follows "export" in a key.
func CutExport(key string) (name string, ok bool) {
	name, ok = strings.CutPrefix(key, "export ")
	return strings.TrimSpace(name), ok
}
