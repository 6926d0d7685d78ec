package sopsfile

import (
	"math"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstree"
)

// wholeDocument is the entry of a JSON document that is taken as one value, such as the key of a
// service account.
func (f *File) wholeDocument(path []string) (place, error) {
	p := place{Entry: Entry{Pos: position.Position{File: f.name, Line: 1, Column: 1}}}
	if len(path) > 0 {
		return p, fail(Missing, p.Pos, "leave out the key, or the format",
			"is taken as a whole because of its format, so the key %s means nothing", shown(path))
	}
	if !sopstree.AnyLeaf(f.tree.Branches[0], sopstree.IsCiphertext) {
		return p, nil // nothing in it is encrypted
	}
	text, err := f.emit(f.tree.Branches[0])
	if err != nil {
		return p, err
	}
	p.Type, p.Digest = "str", digest(text)
	return p, nil
}

// plainDocument writes a decrypted document as `sops decrypt` does.
func (f *File) plainDocument(root sops.TreeBranch) (secret.Value, error) {
	if sopstree.AnyLeaf(root, isRounded) {
		return secret.Value{}, fail(WrongType, f.whole(),
			"put its numbers in quotes, or encrypt the file as a whole with --input-type binary",
			"has a number that is too large for SOPS, which rounds it")
	}
	text, err := f.emit(root)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(text), nil
}

// emit writes a document. SOPS's errors may quote it.
func (f *File) emit(root sops.TreeBranch) (text []byte, err error) {
	defer rescue(f, &err)
	text, err = common.StoreForFormat(f.format, config.NewStoresConfig()).EmitPlainFile(sops.TreeBranches{root})
	if err != nil {
		return nil, fail(Damaged, f.whole(), f.restore(), "is damaged: SOPS cannot write it")
	}
	return text, nil
}

// isRounded reports whether a value is a number that may have been another before SOPS read it.
func isRounded(v any) bool {
	const exact = 1 << 53
	number, ok := v.(float64)
	return ok && math.Abs(number) >= exact
}
