// Package sopstree finds values in what SOPS reads from a file, encrypted or decrypted: by key, and
// what their text and the file's rules show of them without a key.
package sopstree

import (
	"slices"
	"strconv"

	"github.com/getsops/sops/v3"
)

// Child is an item of a map or a list.
type Child struct {
	Key   string // in a list, the number of the item, without counting comments
	Index int    // in the tree, where comments are items too
	Value any
}

// Children returns the items of a map or a list, without the comments. A comment that SOPS
// encrypted in a list is an item there.
func Children(v any) (all []Child) {
	switch v := v.(type) {
	case sops.TreeBranch:
		for i, item := range v {
			if key, ok := item.Key.(string); ok {
				all = append(all, Child{key, i, item.Value})
			}
		}
	case []any:
		for i, item := range v {
			if _, isComment := item.(sops.Comment); !isComment {
				all = append(all, Child{strconv.Itoa(len(all)), i, item})
			}
		}
	}
	return all
}

// Copy copies a value of a tree.
func Copy(v any) any {
	switch v := v.(type) {
	case sops.TreeBranch:
		v = slices.Clone(v)
		for i := range v {
			v[i].Value = Copy(v[i].Value)
		}
		return v
	case []any:
		v = slices.Clone(v)
		for i := range v {
			v[i] = Copy(v[i])
		}
		return v
	}
	return v
}

// AnyLeaf reports whether a condition holds for any value in a tree.
func AnyLeaf(v any, is func(any) bool) bool {
	switch v.(type) {
	case sops.TreeBranch, []any:
		for _, c := range Children(v) {
			if AnyLeaf(c.Value, is) {
				return true
			}
		}
		return false
	}
	return is(v)
}

// mergeKey is the key under which SOPS keeps the fields that a YAML merge key would merge. SOPS
// itself merges nothing, and neither do programs that read the decrypted file through SOPS.
const mergeKey = "<<"

// FindMerged finds a key of v's merge keys, the first if there are several.
func FindMerged(v any, key string) (path []string, ok bool) {
	for _, c := range Children(v) {
		_, list := v.([]any)
		if !list && c.Key != mergeKey {
			continue
		}
		below := Children(c.Value)
		if _, items := c.Value.([]any); !items && slices.ContainsFunc(below, func(b Child) bool { return b.Key == key }) {
			return []string{c.Key, key}, true
		}
		if path, ok := FindMerged(c.Value, key); ok {
			return append([]string{c.Key}, path...), true
		}
	}
	return nil, false
}
