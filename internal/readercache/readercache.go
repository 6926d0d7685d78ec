// Package readercache keeps in the user's cache folder which secrets the deployed Workers of an
// account bind, so that only Workers that were deployed since are read again. It holds names and
// ids, no values.
//
// Its content is trusted, so anyone who can write to the folder could hide a Worker. A file that others
// can write to is therefore ignored, as is a file that is damaged or belongs to another account.
package readercache

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

const (
	version = 1
	maxSize = 64 << 20
	maxName = 512 // of a Worker, a binding or a secret; Cloudflare's limits are lower
)

// Cache is a folder of files, one for each account. Its methods report no errors: without a cache,
// everything is read again.
type Cache struct {
	// Dir is the folder. It is created.
	Dir string
	// API is the address of the API that the accounts belong to.
	API string
}

// Folder returns the folder for a system's environment, or "" if there is none.
func Folder(system string, env func(string) string) string {
	base := ""
	switch system {
	case "windows":
		base = env("LocalAppData")
	case "darwin":
		if home := env("HOME"); home != "" {
			base = filepath.Join(home, "Library", "Caches")
		}
	default:
		if base = env("XDG_CACHE_HOME"); base == "" && env("HOME") != "" {
			base = filepath.Join(env("HOME"), ".cache")
		}
	}
	if !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "secretsync", "readers")
}

// content is what a file holds.
type content struct {
	Version int              `json:"readers_cache"`
	API     string           `json:"api"`
	Account string           `json:"account"`
	Readers []outside.Reader `json:"readers"`
}

func (c Cache) file(account planner.AccountID) string {
	sum := sha256.Sum256([]byte(c.API + "\n" + string(account)))
	return filepath.Join(c.Dir, fmt.Sprintf("%x.json", sum[:16]))
}

// Load returns the Workers that were saved last, or none if the file cannot be trusted.
func (c Cache) Load(account planner.AccountID) []outside.Reader {
	file := c.file(account)
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize || writableByOthers(info) {
		return nil
	}
	if dir, err := os.Stat(c.Dir); err != nil || writableByOthers(dir) {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var saved content
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&saved) != nil || saved.Version != version || saved.API != c.API || saved.Account != string(account) {
		return nil
	}
	for _, r := range saved.Readers {
		if !valid(r) {
			return nil
		}
	}
	return saved.Readers
}

func writableByOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0
}

// valid reports whether an entry can be one that was saved.
func valid(r outside.Reader) bool {
	if !cached(r) || r.Name == "" || r.Modified == "" || (r.Kind == planner.ReaderDispatched) != (r.Namespace != "") {
		return false
	}
	texts := []string{r.Name, r.Namespace, r.Modified, r.ETag}
	for _, u := range r.Uses {
		if u.Store == "" || u.Secret == "" || u.ID != "" {
			return false
		}
		texts = append(texts, u.Binding, string(u.Store), u.Secret)
	}
	for _, text := range texts {
		if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return false
		}
	}
	return true
}

// cached reports whether a reader is kept: gateways have no time of their last change.
func cached(r outside.Reader) bool {
	return r.Kind == planner.ReaderDeployed || r.Kind == planner.ReaderDispatched
}

// Save keeps the Workers among the readers.
func (c Cache) Save(account planner.AccountID, readers []outside.Reader) {
	saved := content{Version: version, API: c.API, Account: string(account), Readers: []outside.Reader{}}
	for _, r := range readers {
		if valid(r) {
			saved.Readers = append(saved.Readers, r)
		}
	}
	data, err := json.Marshal(saved)
	if err == nil {
		err = os.MkdirAll(c.Dir, 0o700)
	}
	if err != nil {
		return
	}
	file := c.file(account)
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && writableByOthers(info) {
		_ = os.Remove(file) // a replaced file would keep its mode, and be ignored each time
	}
	_ = atomicfile.Write(file, append(data, '\n'), 0o600)
}
