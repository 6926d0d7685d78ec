package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/agekeys"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/sopsfile"
)

// ValuesFile is the SOPS file, beside the manifest, that values are written to.
const ValuesFile = "secrets.enc.yaml"

// Choice is what the user said about encryption. The zero value leaves all of it to [Choose].
type Choice struct {
	// Recipients are age recipients to encrypt for.
	Recipients []string
	// KeyFile is the file of the age identity to use, or to create.
	KeyFile string
	// None is set if there is to be no .sops.yaml.
	None bool
}

// check refuses a choice that contradicts itself.
func (c Choice) check() error {
	switch {
	case c.None && (len(c.Recipients) > 0 || c.KeyFile != ""):
		return errors.New("--no-sops excludes --recipient and --age-key")
	case len(c.Recipients) > 0 && c.KeyFile != "":
		return errors.New("--recipient and --age-key exclude each other")
	}
	for _, r := range c.Recipients {
		if !sopsfile.CheckAge(r) {
			return hint.With(errors.New("--recipient names something that is not an age recipient"), "age-keygen -y KEYFILE prints one, age1...")
		}
	}
	return nil
}

// Encryption says for whom a project's values are encrypted.
type Encryption struct {
	// Rules is the .sops.yaml, and Exists says whether there is one already. If so, Found is what it
	// says about [ValuesFile], and Uncovered is set if it has no rule for that file.
	Rules     string
	Exists    bool
	Found     sopsfile.Recipients
	Uncovered bool
	// Own are the user's identities.
	Own []agekeys.Own
	// Recipients are for a new .sops.yaml. If NewKey is set, an identity will be created in that
	// file, and its recipient added. Otherwise Place says where the identity is.
	Recipients    []string
	NewKey, Place string
	// KeyFile is the file that the user chose for the identity.
	KeyFile string
}

// Choose finds out for whom the values of a manifest in dir are encrypted, or would be. It writes
// nothing. root is the folder of the repository.
func Choose(
	ctx context.Context, o *sopsfile.Opener, root, dir string, c Choice, lookupEnv func(string) (string, bool),
) (Encryption, error) {
	e := Encryption{Rules: filepath.Join(dir, ".sops.yaml"), KeyFile: c.KeyFile}
	if err := c.check(); err != nil {
		return e, err
	}
	var err error
	e.Found, err = o.RecipientsOf(ctx, root, filepath.Join(dir, ValuesFile))
	if e.Uncovered = errors.Is(err, sopsfile.ErrNoRule); err != nil && !e.Uncovered {
		return e, err
	}
	if e.Exists = e.Found.Rules != ""; e.Exists {
		e.Rules = relative(e.Found.Rules)
		e.Own, _ = agekeys.Find(lookupEnv) // only to see whether one of them is a recipient
		return e, nil
	}
	if c.None {
		return e, nil
	}
	if ignored := sopsfile.IgnoredRules(dir); ignored != "" {
		return e, hint.With(fmt.Errorf("SOPS ignores %s: it reads only .sops.yaml", ignored), "run "+sopsfile.RenameRules(ignored))
	}
	return e, e.chooseIdentity(ctx, root, c, lookupEnv)
}

// chooseIdentity finds the recipients for a new .sops.yaml.
func (e *Encryption) chooseIdentity(ctx context.Context, root string, c Choice, lookupEnv func(string) (string, bool)) error {
	var err error
	switch {
	case len(c.Recipients) > 0:
		e.Recipients = c.Recipients
		return nil
	case c.KeyFile != "":
		own, ok, err := agekeys.FindIn(c.KeyFile)
		if e.NewKey = c.KeyFile; ok {
			return e.reuse(own)
		}
		if err != nil {
			return err
		}
		return checkNewKey(ctx, root, c.KeyFile, lookupEnv)
	}
	if e.Own, err = agekeys.Find(lookupEnv); err != nil {
		return err
	}
	if len(e.Own) > 0 {
		known := slices.IndexFunc(e.Own, func(own agekeys.Own) bool { return own.Recipient != "" })
		return e.reuse(e.Own[max(known, 0)])
	}
	if e.NewKey = agekeys.ConfigFile(lookupEnv); e.NewKey == "" {
		return hint.With(errors.New("there is no folder for an age identity: the environment names no home folder"),
			"name a file with --age-key, or the recipient of an identity elsewhere with --recipient; or use --no-sops to skip SOPS")
	}
	if repo.InWorkTree(root) && outfile.Inside(root, e.NewKey) {
		return hint.With(fmt.Errorf("the age identity would be in the repository: %s", e.NewKey),
			"name a file elsewhere with --age-key, or the recipient of an identity elsewhere with --recipient")
	}
	return nil
}

// checkNewKey refuses to write an identity to a file in the repository that a pull request may have
// planted: a file that git tracks would be published, and a link can lead to a file that git does not
// ignore.
func checkNewKey(ctx context.Context, root, file string, lookupEnv func(string) (string, bool)) error {
	dir, name := filepath.Dir(file), filepath.Base(file)
	if !outfile.Inside(root, dir) {
		return nil
	}
	env := func(name string) string { value, _ := lookupEnv(name); return value }
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		err = fmt.Errorf("--age-key %s: that is a link in the repository, and the identity would be written to where it leads", file)
	case len(repo.Tracked(ctx, dir, env, name)) > 0:
		err = fmt.Errorf("--age-key %s: git tracks that file, and the next commit would contain the identity", file)
	}
	if err == nil {
		return nil
	}
	return hint.With(err, "name another file")
}

// reuse encrypts for an identity that exists.
func (e *Encryption) reuse(own agekeys.Own) error {
	if own.Recipient == "" {
		return hint.With(fmt.Errorf("cannot determine the recipient of the age identity in %s without using it", own.Place), "name it with --recipient")
	}
	e.NewKey, e.Place, e.Recipients = "", own.Place, []string{own.Recipient}
	return nil
}

// Foreign reports that the values are encrypted for age recipients, none of which is the user's.
func (e *Encryption) Foreign() bool {
	return len(e.Found.Age) > 0 && len(e.Found.Age) == len(e.Found.Keys) && !slices.ContainsFunc(e.Own, func(own agekeys.Own) bool {
		return own.Recipient == "" || slices.Contains(e.Found.Age, own.Recipient)
	})
}

// IsDefault reports whether SOPS finds an identity in a file by itself.
func IsDefault(file string, lookupEnv func(string) (string, bool)) bool {
	named, _ := lookupEnv("SOPS_AGE_KEY_FILE")
	for _, place := range []string{named, agekeys.ConfigFile(lookupEnv)} {
		if place != "" && outfile.Resolved(place) == outfile.Resolved(file) {
			return true
		}
	}
	return false
}

// relative is a name as the user would write it, relative to the current folder.
func relative(name string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return name
	}
	if rel, err := filepath.Rel(here, name); err == nil && strings.Count(rel, "..") <= 3 {
		return rel
	}
	return name
}
