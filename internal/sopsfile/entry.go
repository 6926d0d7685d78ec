package sopsfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstree"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Entry is what can be known of a value without a key.
type Entry struct {
	Pos position.Position
	// Type is what SOPS took the value for before it encrypted it: str, int, float,
	// bool or time; comment for a comment in a list. It is empty for a value that is
	// not encrypted.
	Type string
	// Digest is "sha256:" and the digest of the ciphertext in hexadecimal. It changes only with
	// the value, or if the whole file is encrypted again (docs/sops.md §8).
	Digest string
	// InList is set where a list is on the way: SOPS doesn't bind a value to its
	// place in a list (docs/sops.md §10).
	InList bool
}

// binaryKey is the key under which SOPS keeps the content of a file that it encrypts as a whole.
const binaryKey = "data"

// digest is [Entry.Digest] for a ciphertext.
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Entry looks a value up. A path leads through maps by key and through lists by
// decimal index, as the encrypted file has them: there, comments in lists are items.
// The empty path is the content of a file that was encrypted as a whole.
func (f *File) Entry(path []string) (Entry, error) {
	p, err := f.find(path)
	return p.Entry, err
}

// place is an entry, with the path to its plaintext.
type place struct {
	Entry
	text  string
	keys  []string // of the maps on the way
	route []int    // indices into the tree, which decryption leaves in place
}

// indexed returns the tree, indexed when it is first called.
func (f *File) indexed() *sopstree.Index {
	f.indexOnce.Do(func() { f.index = sopstree.NewIndex(f.tree.Branches[0]) })
	return f.index
}

func (f *File) find(path []string) (place, error) {
	var p place
	if f.document {
		return f.wholeDocument(path)
	}
	if f.format == formats.Binary {
		if len(path) > 0 {
			hint := "leave the key out"
			if slices.Equal(path, []string{binaryKey}) { // the metadata cannot tell
				hint += ", or set the format to json"
			}
			return p, fail(Missing, f.whole(), hint, "was encrypted as a whole, so it has no %s", shown(path))
		}
		path = []string{binaryKey}
	}
	v := f.indexed()
	for i, key := range path {
		if _, there := v.At[key]; !there && f.format == formats.Dotenv {
			if whole, ok := v.Exported[key]; ok {
				key = whole
				path = []string{key}
			}
		}
		at, there := v.At[key]
		if !there {
			return p, f.missing(path[:i+1], v)
		}
		if v.Twice[key] {
			return p, fail(Malformed, f.position(path[:i+1]), "remove all but one", "has %s more than once", shown(path[:i+1]))
		}
		_, list := v.Value.([]any)
		p.InList = p.InList || list
		if !list {
			p.keys = append(p.keys, key)
		}
		p.route = append(p.route, v.All[at].Index)
		v = v.Below[at]
	}
	p.Pos = f.position(path)
	return p, f.leaf(&p, path, v)
}

// written is a key as a source writes it, which need not have "export".
func (f *File) written(key string) string {
	if name, ok := sopstree.CutExport(key); ok && f.format == formats.Dotenv {
		return name
	}
	return key
}

// leaf fills in what the encrypted text shows.
func (f *File) leaf(p *place, path []string, x *sopstree.Index) error {
	switch v := x.Value.(type) {
	case sops.TreeBranch, []any:
		if len(path) == 0 {
			hint := "add a key to the source: " + f.theKeys(path, x.All)
			if f.format == formats.Json {
				hint += "; or set the format to binary, if the whole document is the value"
			}
			return fail(Missing, p.Pos, hint, "holds its values under keys, and the source names none")
		}
		hint := f.theKeys(path, x.All)
		if _, list := v.([]any); list {
			hint = "values are taken from maps only: SOPS does not bind the items of a list to their places"
		}
		return fail(Missing, p.Pos, hint, "%s is a map or a list, not a single value", shown(path))
	case nil:
		return fail(Empty, p.Pos, "", "%s is empty", shown(path))
	case string:
		p.text = v
	}
	switch name, ok := sopstree.CiphertextType(p.text); {
	case ok && f.rules.Leave(p.keys):
		return fail(NotEncrypted, p.Pos, "set the plain value with "+f.command("edit")+", under a key that the rules cover",
			"%s is not encrypted: the file's rules leave it as it is, and it holds ciphertext from elsewhere", shown(path))
	case ok:
		p.Type, p.Digest = name, digest([]byte(p.text))
	case strings.HasPrefix(p.text, sopstext.ValuePrefix):
		return fail(Damaged, p.Pos, f.restore(), "the ciphertext of %s is damaged", shown(path))
	case x.Value == "": // SOPS leaves it as it is (docs/sops.md §2)
		return fail(Empty, p.Pos, "", "%s is empty", shown(path))
	}
	return nil
}

// missing says that x has no value at the end of a path.
func (f *File) missing(path []string, x *sopstree.Index) error {
	above, key := path[:len(path)-1], path[len(path)-1]
	hint := f.nearest(key, x)
	if inMerge, ok := sopstree.FindMerged(x.Value, key); ok {
		hint = "it is in a merge key, which SOPS keeps as a separate key: write " + shown(slices.Concat(above, inMerge))
	}
	if marked := charset.BOM + key; len(above) == 0 && slices.ContainsFunc(x.All, func(c sopstree.Child) bool { return c.Key == marked }) {
		hint = "SOPS takes the byte order mark before it for a part of the key: if the file had it when it was encrypted, " +
			"remove it with " + f.command("edit") + "; else " + saveUnmarked
	}
	return fail(Missing, f.position(above), hint, "has no %s", shown(path))
}

// theKeys names what could be meant, and prefers nothing: the wrong key could have a value too.
// A key that does not look like a name may be a value in the wrong place, and is counted only.
func (f *File) theKeys(path []string, all []sopstree.Child) string {
	const most = 12
	var names []string
	for _, c := range all {
		if key := f.written(c.Key); syntax.IsName(key) && len(names) < most {
			names = append(names, shown(append(path[:len(path):len(path)], key)))
		}
	}
	switch more := len(all) - len(names); {
	case len(all) == 0:
		return "it has none"
	case more > 0 && len(names) > 0:
		names = append(names, fmt.Sprintf("and %d more", more))
	case more > 0:
		names = []string{count(more)}
	}
	return "it has " + strings.Join(names, ", ")
}

func count(keys int) string {
	if keys == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d keys", keys)
}

// nearest is a hint that names a key which resembles the missing one.
func (f *File) nearest(key string, x *sopstree.Index) string {
	if _, list := x.Value.([]any); list {
		return "it is a list: its items are named 0, 1 and so on"
	}
	keys := make([]string, len(x.All))
	for i, c := range x.All {
		keys[i] = f.written(c.Key)
	}
	return syntax.DidYouMean(key, keys)
}

// shown is a path as a manifest writes it.
func shown(path []string) string {
	parts := slices.Clone(path)
	for i, key := range parts {
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == '.' || r == '"' || !strconv.IsPrint(r) }) {
			parts[i] = strconv.Quote(key)
		}
	}
	return strings.Join(parts, ".")
}
