package sopsfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/version"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/shell"
)

// ErrNoRules says that there is no .sops.yaml.
var ErrNoRules = errors.New("there is no .sops.yaml")

// ErrSealed says that no key at hand decrypts a key that is sealed in a lockfile.
var ErrSealed = errors.New("the sealed key is for other recipients")

// ErrNoRule says that no .sops.yaml names recipients.
var ErrNoRule = errors.New("no .sops.yaml has a rule for it")

// sealedKey is the key of a sealed value in its document.
const sealedKey = "key"

// Seal encrypts a value as a SOPS document in JSON. It is for the recipients of the
// first rule that matches one of the targets, taken in order, in the .sops.yaml of
// dir or the nearest folder above; where there is none the error is [ErrNoRule]. A .sops.yaml
// inside root, the repository's folder, must not be a link out of root. It returns the
// recipients too. No private key is needed.
func (o *Opener) Seal(ctx context.Context, v secret.Value, root, dir string, targets ...string) (doc []byte, recipients []string, err error) {
	f, m, err := o.recipients(root, dir, targets)
	if err != nil {
		return nil, nil, err
	}
	return f.seal(ctx, v, m)
}

// recipients finds the recipients for the targets. f is the .sops.yaml that has them.
func (o *Opener) recipients(root, dir string, targets []string) (f *File, m sops.Metadata, err error) {
	f, rule, err := o.ruleFor(root, dir, targets)
	if err != nil {
		return nil, m, err
	}
	if len(targets) > 0 {
		f.sealed = filepath.Base(targets[0])
	}
	return f, sops.Metadata{KeyGroups: rule.KeyGroups, ShamirThreshold: rule.ShamirThreshold}, nil
}

// ruleFor finds the rule for the targets. f is the .sops.yaml of the folder; nil if there is none.
func (o *Opener) ruleFor(root, dir string, targets []string) (f *File, rule *config.Config, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	found, err := config.LookupConfigFile(filepath.ToSlash(filepath.Join(dir, "x")))
	if err != nil {
		return nil, nil, ErrNoRule
	}
	f = &File{opener: o, name: filepath.FromSlash(found.Path)}
	if err := f.checkRules(root); err != nil {
		return f, nil, err
	}
	rule, err = f.rule(targets)
	return f, rule, err
}

// SealLike is [Opener.Seal] for the recipients of an existing SOPS file.
func (o *Opener) SealLike(ctx context.Context, v secret.Value, existing []byte, name string) (doc []byte, recipients []string, err error) {
	f, err := o.Open(name, existing)
	if err != nil {
		return nil, nil, err
	}
	tree, err := f.load() // its own copy of the keys, which sealing writes to
	if err != nil {
		return nil, nil, err
	}
	return f.seal(ctx, v, sops.Metadata{KeyGroups: tree.Metadata.KeyGroups, ShamirThreshold: tree.Metadata.ShamirThreshold})
}

// maxRules is far beyond any .sops.yaml.
const maxRules = 1 << 20

// checkRules refuses a .sops.yaml that SOPS, which reads any file, would never finish
// reading: git can replace it by a link to a device.
func (f *File) checkRules(root string) error {
	info, err := os.Stat(f.name)
	switch {
	case err != nil || !info.Mode().IsRegular():
		return fail(Malformed, f.whole(), "pipes, devices and folders are not read: replace it by a file", "is not a regular file")
	case info.Size() > maxRules:
		return fail(Malformed, f.whole(), "", "is larger than 1 MiB")
	case within(root, f.name) && leadsOut(root, f.name):
		return fail(Malformed, f.whole(), "replace the link by a file", "is a link that leads out of the project's folder")
	}
	return nil
}

func leadsOut(root, name string) bool {
	root, err1 := filepath.EvalSymlinks(root)
	name, err2 := filepath.EvalSymlinks(name)
	return err1 != nil || err2 != nil || !within(root, name)
}

func within(root, name string) bool {
	rel, err := filepath.Rel(root, name)
	return err == nil && filepath.IsLocal(rel)
}

// noMatch is how SOPS says that no rule matches: it has no value for it.
const noMatch = "no matching creation rules found"

// rule finds the rule for the first target that has one. f is a .sops.yaml.
func (f *File) rule(targets []string) (rule *config.Config, err error) {
	defer rescue(f, &err)
	for _, target := range targets {
		target, err := filepath.Abs(target) // SOPS makes it relative to its own folder
		if err != nil {
			return nil, err
		}
		rule, err := config.LoadCreationRuleForFile(f.name, target, nil)
		switch {
		case err != nil && !strings.Contains(err.Error(), noMatch):
			if mistakes := f.ruleMistakes(); len(mistakes) > 0 {
				return nil, &Error{Malformed, mistakes}
			}
			return nil, fail(Malformed, f.whole(), "its YAML, a path_regex or a recipient is wrong; sops encrypt says which",
				"SOPS cannot use it")
		case err == nil && rule != nil: // nil where the file has no rules at all
			return rule, nil
		}
	}
	return nil, ErrNoRule
}

// seal encrypts a value for the keys in m. f is where they come from.
func (f *File) seal(ctx context.Context, v secret.Value, m sops.Metadata) (doc []byte, recipients []string, err error) {
	defer rescue(f, &err)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := f.checkKeys(m); err != nil {
		return nil, nil, err
	}
	if len(v.Reveal()) == 0 {
		return nil, nil, fail(Empty, f.whole(), "", "an empty value cannot be sealed for its keys")
	}
	// With this expression everything in the document is encrypted, whatever the
	// rule's own says.
	m.EncryptedRegex, m.Version = "^"+sealedKey+"$", version.Version
	tree := sops.Tree{Branches: sops.TreeBranches{{{Key: sealedKey, Value: string(v.Reveal())}}}, Metadata: m}
	u, err := f.generate(ctx, tree)
	if err != nil {
		return nil, nil, err
	}
	if doc, err = u.encrypt(formats.Json); err != nil {
		return nil, nil, fail(Damaged, f.whole(), "", "SOPS cannot encrypt for its keys")
	}
	for _, group := range m.KeyGroups {
		for _, k := range group {
			recipients = append(recipients, k.ToString())
		}
	}
	return doc, recipients, nil
}

// generate generates the data key of a plaintext tree, and encrypts it for all keys in the tree's
// metadata. f is the file that they come from.
func (f *File) generate(ctx context.Context, tree sops.Tree) (u *unlocked, err error) {
	defer rescue(f, &err)
	key, errs := tree.GenerateDataKeyWithKeyServices(f.opener.gate.Service(ctx, nil, nil))
	if len(errs) > 0 {
		return nil, f.cannotSeal(ctx, tree.Metadata)
	}
	return &unlocked{tree, key, &watched{Cipher: aes.NewCipher()}}, nil
}

// encrypt encrypts the values of the tree, and writes it in a format. The error is SOPS's, and may
// quote values. It panics where SOPS does.
func (u *unlocked) encrypt(format formats.Format) ([]byte, error) {
	if err := common.EncryptTree(common.EncryptTreeOpts{DataKey: u.key, Tree: &u.tree, Cipher: u.cipher}); err != nil {
		return nil, err
	}
	return common.StoreForFormat(format, config.NewStoresConfig()).EmitEncryptedFile(u.tree)
}

// Unseal decrypts what [Opener.Seal] returned. name is the file that the document is a
// part of.
func (o *Opener) Unseal(ctx context.Context, doc []byte, name string) (secret.Value, error) {
	f := &File{opener: o, name: name, data: doc, format: formats.Json, part: true}
	if f.parse() != nil { // its positions would be those in the document, not in the file
		return secret.Value{}, fail(Damaged, f.whole(), f.restore(), "the sealed key in it is damaged")
	}
	return f.Value(ctx, []string{sealedKey})
}

// IgnoredRules returns the nearest .sops.yml at or above a folder, if no .sops.yaml is as near:
// SOPS does not read a file of that name. It returns "" if there is none.
func IgnoredRules(dir string) string {
	for {
		if exists(filepath.Join(dir, ".sops.yaml")) {
			return ""
		}
		if name := filepath.Join(dir, ".sops.yml"); exists(name) {
			return name
		}
		abs, err := filepath.Abs(dir)
		if err != nil || filepath.Dir(abs) == abs {
			return ""
		}
		dir = filepath.Join(dir, "..")
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// RenameRules is the command that lets SOPS read what [IgnoredRules] found.
func RenameRules(name string) string {
	return "mv " + shell.File(name) + " " + shell.File(strings.TrimSuffix(name, ".yml")+".yaml")
}
