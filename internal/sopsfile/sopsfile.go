// Package sopsfile reads files that SOPS encrypted, and seals the fingerprint key
// as one. It and the packages below it are the only ones that import SOPS, and use as
// little of it as they can (docs/sops.md §3): files are hostile input, which name the
// key servers to ask themselves (docs/sops.md §1), and SOPS's errors and logs quote
// plaintext (docs/sops.md §7).
//
// Call [New], then [Opener.Open] for a file, [File.Entry] for what can be known
// without a key, and [File.Value] for a value. Errors are an [*Error], in our own
// words, or the context's.
package sopsfile

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/logging"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstree"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

const (
	// maxEntries bounds the entries of a file in YAML or JSON, of which SOPS keeps several copies.
	maxEntries = 1_000_000
	// maxKeys bounds the keys that a file is encrypted for: each may be tried, and
	// that may run a program.
	maxKeys = 100
)

// Options say what an [Opener] may do.
type Options struct {
	// KeyTypes are the types of keys that may be used, out of age, pgp, kms, gcp_kms,
	// azure_kv, hc_vault and hckms. None means age and pgp, which contact no server.
	KeyTypes []string
}

// Opener opens and seals files under its options. It may be used by several goroutines.
type Opener struct {
	gate *keygate.Gate
	time time.Duration // limits the decryption of a file
}

// New returns an Opener. It silences SOPS's loggers, for the whole program. The
// error is a key type that SOPS doesn't have.
func New(o Options) (*Opener, error) {
	for _, l := range logging.Loggers {
		l.SetOutput(io.Discard)
	}
	gate, err := keygate.New(o.KeyTypes)
	if err != nil {
		return nil, err
	}
	return &Opener{gate: gate, time: keygate.MaxTime}, nil
}

// File is a file that SOPS encrypted. It may be used by several goroutines.
type File struct {
	opener   *Opener
	name     string
	data     []byte
	format   formats.Format
	document bool         // in JSON, that is one value
	part     bool         // of another file, so that positions mean nothing
	sealed   string       // of a .sops.yaml: the file that a key is sealed in
	root     *syntax.Node // of YAML and JSON, for positions
	tree     sops.Tree    // encrypted, and never changed
	rules    sopstree.Rules

	// What is found by its key, indexed when it is first needed.
	indexOnce, linesOnce, nodesOnce sync.Once
	index                           *sopstree.Index
	lines                           map[lineKey]position.Position // of dotenv and INI
	nodes                           map[*syntax.Node]map[string]*syntax.Node

	mu      sync.Mutex // protects attempt
	attempt *attempt
}

// Open parses a file, of whatever size: its callers bound what they read. It needs no key. The
// format goes by the content, and by the name where that is not enough ([sopstext.FormatOf]).
func (o *Opener) Open(name string, data []byte) (*File, error) {
	return o.OpenAs(sopstext.FormatOf(name, data), name, data)
}

// OpenAs is [Opener.Open] for a file of a known format. A JSON document that is opened as a
// binary file is one value, as `sops decrypt` prints it.
func (o *Opener) OpenAs(format sopstext.Format, name string, data []byte) (*File, error) {
	if !slices.Contains(sopstext.Formats, format) {
		return nil, fmt.Errorf("%q is not a SOPS format", format)
	}
	f := &File{opener: o, name: name, data: data, format: formats.FormatFromString(string(format))}
	if format == sopstext.Binary && sopstext.Detect(data) == sopstext.JSON {
		f.format, f.document = formats.Json, true
	}
	if err := f.parse(); err != nil {
		return nil, f.otherFormat(format, err)
	}
	return f, nil
}

// otherFormat replaces the error about a file that has the metadata of another format.
func (f *File) otherFormat(format sopstext.Format, err error) error {
	found := sopstext.Detect(f.data)
	if f.document || found == "" || found == format || format == sopstext.FormatOf(f.name, f.data) {
		return err
	}
	return fail(Malformed, f.whole(), fmt.Sprintf("leave the format out, or set it to %s", found),
		"is a SOPS file of the format %s, not %s", found, format)
}

func (f *File) parse() (err error) {
	if err := f.checkEncoding(); err != nil {
		return err
	}
	if err := f.checkSyntax(); err != nil {
		return err
	}
	if f.tree, err = f.load(); err == nil {
		f.rules = sopstree.RulesOf(f.tree.Metadata)
	}
	return err
}

// load has SOPS read the file. Its errors may quote it.
func (f *File) load() (tree sops.Tree, err error) {
	defer rescue(f, &err)
	tree, err = common.StoreForFormat(f.format, config.NewStoresConfig()).LoadEncryptedFile(f.data)
	switch {
	case errors.Is(err, sops.MetadataNotFound):
		return tree, f.notSOPS()
	case err != nil:
		return tree, fail(Damaged, f.whole(), f.restore(), "is damaged: SOPS cannot read it")
	case len(tree.Branches) != 1: // YAML's are found by checkSyntax; this is for formats to come
		return tree, fail(Malformed, f.whole(), "", "holds several documents")
	case tree.Metadata.MasterKeyCount() > maxKeys:
		return tree, fail(Malformed, f.whole(), "", "is encrypted for more than %d keys", maxKeys)
	}
	m := tree.Metadata
	return tree, f.checkPatterns(m.EncryptedRegex, m.UnencryptedRegex, m.EncryptedCommentRegex, m.UnencryptedCommentRegex)
}

// notSOPS is the error about a file without metadata.
func (f *File) notSOPS() error {
	if sopstext.Encrypted(f.data) {
		return fail(Damaged, f.whole(), f.restore(), "holds ciphertext, but not the metadata that SOPS needs to decrypt it")
	}
	rename := ""
	if ignored := IgnoredRules(filepath.Dir(f.name)); ignored != "" {
		rename = RenameRules(ignored) + " && " // sops would find no recipients
	}
	return fail(NotSOPS, f.whole(), "encrypt it: "+rename+f.command("encrypt -i"), "is not encrypted with SOPS")
}
