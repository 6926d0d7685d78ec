package sopsfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Entry is what can be known of a value without a key.
type Entry struct {
	Pos syntax.Pos
	// Type is what SOPS took the value for before it encrypted it: str, int, float,
	// bool, time or bytes. It is empty for a value that is not encrypted.
	Type string
	// Digest is "sha256:" and the digest of the ciphertext, which stays as it is as
	// long as the value does and the file is not re-encrypted (FACTS.md 2.1).
	Digest string
	// InList is set where a list is on the way: SOPS doesn't bind a value to its
	// place in a list (FACTS.md 2.4).
	InList bool
}

// binaryKey is where SOPS puts the content of a file that it encrypts as a whole.
const binaryKey = "data"

// Entry looks a value up: map keys, and decimal places in lists. The empty path is
// the content of a file that was encrypted as a whole.
func (f *File) Entry(path []string) (Entry, error) {
	n, e, err := f.find(path)
	if err != nil {
		return Entry{}, err
	}
	if n.children != nil {
		return Entry{}, f.failAt(path, "name a value below it", "%s is not a value", shown(path))
	}
	if m := cipherPattern.FindStringSubmatch(n.text); m != nil {
		sum := sha256.Sum256([]byte(n.text))
		e.Type, e.Digest = m[1], "sha256:"+hex.EncodeToString(sum[:])
	}
	return e, nil
}

// cipherPattern is SOPS's form of an encrypted value.
var cipherPattern = regexp.MustCompile(`^ENC\[AES256_GCM,data:[^,]*,iv:[^,]*,tag:[^,]*,type:([a-z]+)\]$`)

// find walks to a node.
func (f *File) find(path []string) (*node, Entry, error) {
	path = f.inside(path)
	n, e := f.entries, Entry{}
	if len(path) == 0 {
		return nil, e, fail(f.name, "give the key of one", "holds several values")
	}
	for i, key := range path {
		e.InList = e.InList || n.list
		child := n.children[key]
		if child == nil {
			return nil, e, f.failAt(path[:i], syntax.DidYouMean(key, n.keys), "has no %s", shown(path[:i+1]))
		}
		n = child
	}
	e.Pos = f.places.of(f.name, path)
	return n, e, nil
}

// inside is a path within the tree as SOPS has it.
func (f *File) inside(path []string) []string {
	if len(path) == 0 && f.format == formats.Binary {
		return []string{binaryKey}
	}
	return path
}

func (f *File) failAt(path []string, hint, what string, args ...any) *syntax.Error {
	return &syntax.Error{Pos: f.places.of(f.name, path), What: fmt.Sprintf(what, args...), Hint: hint}
}

// shown is a path as a manifest writes it.
func shown(path []string) string {
	parts := make([]string, len(path))
	for i, key := range path {
		parts[i] = key
		if strings.ContainsAny(key, `."`) || key == "" {
			parts[i] = strconv.Quote(key)
		}
	}
	return strings.Join(parts, ".")
}

// node is a place in the encrypted tree.
type node struct {
	text     string           // of a value
	children map[string]*node // nil for a value
	keys     []string         // of the children, in the order written
	list     bool
}

func newNode(v any) *node {
	switch v := v.(type) {
	case sops.TreeBranch:
		n := &node{children: map[string]*node{}}
		for _, item := range v {
			if _, isComment := item.Key.(sops.Comment); !isComment {
				n.add(fmt.Sprint(item.Key), item.Value)
			}
		}
		return n
	case []any:
		n := &node{children: map[string]*node{}, list: true}
		for i, item := range v {
			n.add(strconv.Itoa(i), item)
		}
		return n
	case string:
		return &node{text: v}
	}
	return &node{} // something in clear: its text is of no interest
}

func (n *node) add(key string, v any) {
	n.children[key] = newNode(v)
	n.keys = append(n.keys, key)
}
