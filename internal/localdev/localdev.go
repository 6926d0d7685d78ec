// Package localdev writes secrets into the local Secrets Store that wrangler dev and
// Miniflare read, and removes them. It runs the project's own Miniflare in Node.js, because
// the format of its files is not a public interface (docs/cloudflare-api.md §9).
//
// Call [Put] and [Clear] with the [Place] of a Worker. Node.js receives the values on
// standard input. Miniflare stores them in plain text in [Place.Values].
package localdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/secret"
)

// Folder is where wrangler keeps local values, in the folder of a Worker's configuration.
const Folder = ".wrangler"

// Place is where the local values of Workers are.
type Place struct {
	// Dir is the folder whose packages are used. Unless PersistTo is set, the values are
	// below it.
	Dir string
	// Dirs are further folders, for packages that Dir does not have.
	Dirs []string
	// PersistTo is the folder that keeps the state, as wrangler dev's --persist-to names it.
	// Empty for Folder/state in Dir.
	PersistTo string
	// Within is a folder above PersistTo, below which no part of it may be a link. Empty if
	// the user named PersistTo on the command line.
	Within string
	// Vite says that the packages of Cloudflare's Vite plugin are used.
	Vite bool
}

// State is the folder that keeps the state.
func (p Place) State() string {
	if p.PersistTo != "" {
		return p.PersistTo
	}
	return filepath.Join(p.Dir, Folder, "state")
}

// Root is the folder that git has to ignore. It contains the record and the values.
func (p Place) Root() string {
	if above := filepath.Dir(p.State()); filepath.Base(above) == Folder && filepath.Base(p.State()) == "state" {
		return above
	}
	return p.State()
}

// persist returns the folder that Miniflare is configured with.
func (p Place) persist() string { return filepath.Join(p.State(), "v3") }

// Values is the folder in which Miniflare stores the values.
func (p Place) Values() string { return filepath.Join(p.persist(), "secrets-store") }

// Secret is a secret of the local store, with the store id and name in the Worker's
// configuration.
type Secret struct {
	StoreID, Name string
	// Value is not used by Clear.
	Value secret.Value
}

// Is reports whether two secrets are the same one of the local store, whatever their values.
func (s Secret) Is(o Secret) bool { return s.StoreID == o.StoreID && s.Name == o.Name }

// What can go wrong. Errors that wrap these say more.
var (
	ErrNoNode      = errors.New("no Node.js is installed: wrangler dev needs it too")
	ErrNoMiniflare = errors.New("neither wrangler nor miniflare is installed here")
	ErrUnsupported = errors.New("has no local Secrets Store that secretsync can use")
	ErrFailed      = errors.New("could not use its local Secrets Store")
	ErrLost        = errors.New("did not keep what was stored in its local Secrets Store")
	ErrDamaged     = errors.New("the record of what dev stored there is damaged")
	ErrBusy        = errors.New("another secretsync dev is using this folder")
	ErrLink        = errors.New("is neither a folder nor a file: values would go wherever it leads")
)

// Put creates or overwrites secrets, records which, and reads them back.
func Put(ctx context.Context, p Place, secrets []Secret) error {
	if err := CheckLinks(p); err != nil {
		return err
	}
	unlock, err := lock(ctx, p)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := Recorded(p)
	if err != nil {
		return err
	}
	if err := record(p, append(slices.Clone(before), secrets...)); err != nil { // first, so that no stored secret is unrecorded
		return err
	}
	_, err = run(ctx, p, secrets, false)
	if errors.Is(err, ErrNoNode) || errors.Is(err, ErrNoMiniflare) || errors.Is(err, ErrUnsupported) { // nothing was stored
		return errors.Join(err, record(p, before))
	}
	return err
}

// Clear removes the given secrets. With all, it also removes everything else that Put
// stored there. It never removes the secrets in keep. It returns the secrets that existed.
func Clear(ctx context.Context, p Place, secrets, keep []Secret, all bool) ([]Secret, error) {
	if _, err := os.Lstat(p.Root()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := CheckLinks(p); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, p)
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, err := Recorded(p)
	if err != nil {
		return nil, err
	}
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s Secret) bool { return slices.ContainsFunc(keep, s.Is) })
	var stay []Secret
	for _, b := range before {
		switch {
		case slices.ContainsFunc(keep, b.Is):
			stay = append(stay, b)
		case slices.ContainsFunc(secrets, b.Is):
		case all:
			secrets = append(secrets, b)
		default:
			stay = append(stay, b)
		}
	}
	if _, err := os.Lstat(p.Values()); len(secrets) == 0 || len(before) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing to remove, so Node.js is not needed
	}
	gone, err := run(ctx, p, secrets, true)
	if err != nil {
		return nil, err
	}
	return gone, record(p, stay)
}

// CheckLinks refuses to follow a symbolic link that could be planted in a repository: the
// plain text would be written to its target. Put and Clear call it. It checks each folder on
// the path to the values, and everything in the values' folder.
func CheckLinks(p Place) error {
	base, way := p.named()
	path := base
	for name := range strings.SplitSeq(way, string(filepath.Separator)) {
		path = filepath.Join(path, name)
		if info, err := os.Lstat(path); err == nil && !info.IsDir() {
			return fmt.Errorf("%s %w", path, ErrLink)
		}
	}
	return filepath.WalkDir(p.Values(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // does not exist yet, or was removed by a running wrangler dev
			return nil
		case err != nil:
			return err
		case !d.IsDir() && !d.Type().IsRegular() || path == p.Values() && !d.IsDir():
			return fmt.Errorf("%s %w", path, ErrLink)
		}
		return nil
	})
}

// named splits the folder that Miniflare is configured with into a folder whose path is
// trusted, and the rest.
func (p Place) named() (base, way string) {
	switch rel, ok := below(p.Within, p.persist()); {
	case p.PersistTo == "":
		return p.Dir, filepath.Join(Folder, "state", "v3")
	case p.Within != "" && ok:
		return p.Within, rel
	case filepath.IsLocal(p.PersistTo): // the user did not name the folders above
		return "", filepath.Join(p.PersistTo, "v3")
	}
	return filepath.Dir(p.PersistTo), filepath.Join(filepath.Base(p.PersistTo), "v3")
}

// below returns a path relative to a folder, and whether it is below the folder.
func below(folder, path string) (rel string, ok bool) {
	folder, err1 := filepath.Abs(folder)
	path, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return "", false
	}
	rel, err := filepath.Rel(folder, path)
	return rel, err == nil && filepath.IsLocal(rel)
}
