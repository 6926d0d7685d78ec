// Package sopsfile reads SOPS files, and seals the fingerprint key as one. It is
// the only package that imports SOPS, and it narrows it down: files are hostile
// input, since their own metadata names the key servers to ask (FACTS.md 0.1).
//
// Call [New], then [Opener.Open] for a file, [File.Entry] for what can be known
// without a key, and [File.Value] for a value. Errors are *[syntax.Error] in our own
// words: SOPS's quote plaintext, or digests of it (FACTS.md 1.7).
package sopsfile

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/logging"
	"github.com/secretsync/secretsync/internal/syntax"
)

// maxSize bounds a file, in bytes.
const maxSize = 8 << 20

// DefaultKeyTypes are the key types that are used unless others are allowed: they
// ask no server.
var DefaultKeyTypes = []string{"age", "pgp"}

// KeyTypes are all that SOPS knows.
var KeyTypes = []string{"age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"}

// Options say what an [Opener] may do.
type Options struct {
	// KeyTypes are the key types that may be used; nil for DefaultKeyTypes.
	KeyTypes []string
}

// Opener opens SOPS files.
type Opener struct {
	keyTypes []string
}

// New returns an opener. It silences SOPS's loggers, which print plaintext
// comments (FACTS.md 1.7). The error names a key type that there isn't.
func New(o Options) (*Opener, error) {
	for _, l := range logging.Loggers {
		l.SetOutput(io.Discard)
	}
	for _, t := range o.KeyTypes {
		if !slices.Contains(KeyTypes, t) {
			return nil, fmt.Errorf("%q is no SOPS key type: there are %s", t, strings.Join(KeyTypes, ", "))
		}
	}
	if o.KeyTypes == nil {
		o.KeyTypes = DefaultKeyTypes
	}
	return &Opener{keyTypes: o.KeyTypes}, nil
}

// File is a SOPS file, encrypted as it is until a value is asked for. Its methods
// may be called at once from several goroutines.
type File struct {
	opener  *Opener
	name    string
	data    []byte
	format  formats.Format
	meta    sops.Metadata
	entries *node
	places  places
	opened  opened
}

// Open parses a SOPS file, without a key. Its format goes by its extension: .yaml
// and .yml, .json, .env, .ini; any other file was encrypted as a whole.
func (o *Opener) Open(name string, data []byte) (f *File, err error) {
	// SOPS's parsers are not made for hostile input.
	defer func() {
		if recover() != nil {
			f, err = nil, fail(name, "", "is damaged: SOPS cannot read it")
		}
	}()
	if len(data) > maxSize {
		return nil, fail(name, "", "is larger than 8 MiB")
	}
	f = &File{opener: o, name: name, data: data, format: formats.FormatForPath(name)}
	tree, err := f.load()
	if err != nil {
		return nil, err
	}
	f.meta, f.entries = tree.Metadata, newNode(tree.Branches[0])
	f.places = f.findPlaces()
	return f, nil
}

// load parses the file as SOPS does.
func (f *File) load() (*sops.Tree, error) {
	store := common.StoreForFormat(f.format, config.NewStoresConfig())
	tree, err := store.LoadEncryptedFile(f.data)
	switch {
	case err != nil && strings.Contains(err.Error(), sops.MetadataNotFound.Error()):
		return nil, fail(f.name, "encrypt it: sops encrypt -i "+filepath.Base(f.name), "is not encrypted with SOPS")
	case err != nil: // its text may quote the file
		return nil, fail(f.name, "", "is not a SOPS file, or damaged")
	case len(tree.Branches) != 1:
		return nil, fail(f.name, "keep one document in a file: SOPS binds values to their places in it", "has several YAML documents")
	case len(tree.Metadata.KeyGroups) == 0:
		return nil, fail(f.name, "", "names no key that it is encrypted for")
	}
	return &tree, nil
}

// fail makes an error about a file as a whole.
func fail(name, hint, what string, args ...any) *syntax.Error {
	return &syntax.Error{Pos: syntax.Pos{File: name}, What: fmt.Sprintf(what, args...), Hint: hint}
}
