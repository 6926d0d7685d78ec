package sopsfile

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/version"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Named is a value and its key at the top of a file.
type Named struct {
	Key   string
	Value secret.Value
}

// is reports whether an item of a decrypted file is a string with the value.
func (n Named) is(item any) bool {
	have, ok := item.(string)
	return ok && n.Value.Equal(secret.New([]byte(have)))
}

// Extended is a file with values that were added to it.
type Extended struct {
	Data       []byte   // the whole file, encrypted
	Recipients int      // how many keys it is encrypted for
	Added      []string // the keys that the file did not have
	Replaced   []string // the keys whose values were other ones
}

// Create encrypts values as a new file, in YAML or JSON by its name. The recipients come from
// the rule for that name in the .sops.yaml of its folder or the nearest one above. No private
// key is needed. root is as for [Opener.Seal].
func (o *Opener) Create(ctx context.Context, root, name string, values []Named) (*Extended, error) {
	rules, rule, err := o.ruleFor(root, filepath.Dir(name), []string{name})
	if err != nil {
		return nil, noRule(name, rules, err)
	}
	f := &File{opener: o, name: name, format: formats.FormatForPath(name)}
	if err := f.checkFormat(); err != nil {
		return nil, err
	}
	m := metadata(rule)
	if err := rules.checkKeys(m); err != nil {
		return nil, err
	}
	u, err := rules.generate(ctx, sops.Tree{Branches: sops.TreeBranches{{}}, Metadata: m})
	if err != nil {
		return nil, err
	}
	return f.extend(ctx, u, values, false)
}

// noRule explains why a new file cannot be encrypted. rules is the .sops.yaml, if there is one.
func noRule(name string, rules *File, err error) error {
	if !errors.Is(err, ErrNoRule) {
		return err
	}
	whole := (&File{name: name}).whole()
	if rules == nil {
		m := syntax.Errorf(whole, "create it with your recipients, for example: creation_rules: [{age: age1...}]",
			"cannot be encrypted: there is no .sops.yaml in its folder or above it")
		m.Kind, m.Rule = ErrNoRules, rule(Malformed)
		return &Error{Malformed, syntax.ErrorList{m}}
	}
	return fail(Malformed, rules.whole(), "add one with recipients, or name a file that a rule covers",
		"has no rule for %s: no path_regex matches it", filepath.ToSlash(name))
}

// metadata returns the metadata of a new file under a rule, as sops encrypt would write it.
func metadata(rule *config.Config) sops.Metadata {
	m := sops.Metadata{
		KeyGroups: rule.KeyGroups, ShamirThreshold: rule.ShamirThreshold, Version: version.Version,
		UnencryptedSuffix: rule.UnencryptedSuffix, EncryptedSuffix: rule.EncryptedSuffix,
		UnencryptedRegex: rule.UnencryptedRegex, EncryptedRegex: rule.EncryptedRegex,
		UnencryptedCommentRegex: rule.UnencryptedCommentRegex, EncryptedCommentRegex: rule.EncryptedCommentRegex,
		MACOnlyEncrypted: rule.MACOnlyEncrypted,
	}
	if m.UnencryptedSuffix+m.EncryptedSuffix+m.UnencryptedRegex+m.EncryptedRegex+m.UnencryptedCommentRegex+m.EncryptedCommentRegex == "" {
		m.UnencryptedSuffix = sops.DefaultUnencryptedSuffix
	}
	return m
}

// Extend adds values to an existing file in YAML or JSON. It needs a key that decrypts the
// file. The ciphertexts of existing values do not change. A value that the file has already
// is left out; a key that has another value there is an error.
func (o *Opener) Extend(ctx context.Context, name string, data []byte, values []Named) (*Extended, error) {
	return o.change(ctx, name, data, values, false)
}

// Replace is [Opener.Extend], but a value that is there is replaced by another one.
func (o *Opener) Replace(ctx context.Context, name string, data []byte, values []Named) (*Extended, error) {
	return o.change(ctx, name, data, values, true)
}

func (o *Opener) change(ctx context.Context, name string, data []byte, values []Named, replace bool) (*Extended, error) {
	f, err := o.Open(name, data)
	if err != nil {
		return nil, err
	}
	if err := f.checkFormat(); err != nil {
		return nil, err
	}
	u, err := f.unlockOnce(ctx) // nothing else uses f
	if err != nil {
		return nil, err
	}
	return f.extend(ctx, u, values, replace)
}

// checkFormat refuses formats that cannot hold every value: SOPS reads dotenv line by line, with
// quotes as parts of the values and \n as a line end, and INI and binary files are not maps.
func (f *File) checkFormat() error {
	if f.format == formats.Yaml || f.format == formats.Json {
		return nil
	}
	return fail(Malformed, f.whole(), "name a file that ends in .yaml or .json", "values are added to SOPS files in YAML or JSON only")
}

// extend adds the values that are missing to the decrypted file, and encrypts it. Other values are
// mistakes, unless they are to be replaced.
func (f *File) extend(ctx context.Context, u *unlocked, values []Named, replace bool) (*Extended, error) {
	done := &Extended{Recipients: u.tree.Metadata.MasterKeyCount()}
	branch := u.tree.Branches[0]
	at := byKey(branch)
	var mistakes syntax.ErrorList
	for _, v := range values {
		i, there := at[v.Key]
		if !there {
			at[v.Key] = len(branch)
			branch = append(branch, sops.TreeItem{Key: v.Key, Value: string(v.Value.Reveal())})
			done.Added = append(done.Added, v.Key)
			continue
		}
		switch same := v.is(branch[i].Value); {
		case same:
		case replace:
			branch[i].Value = string(v.Value.Reveal())
			done.Replaced = append(done.Replaced, v.Key)
		default:
			mistakes.Add(f.position([]string{v.Key}), "remove one of the two, or name another file",
				"has %s already, with another value", shown([]string{v.Key}))
		}
	}
	if len(mistakes) > 0 {
		mistakes.Tag("sops", 0)
		return nil, &Error{Malformed, mistakes}
	}
	if done.Data = f.data; len(done.Added)+len(done.Replaced) > 0 {
		u.tree.Branches[0] = branch
		var err error
		if done.Data, err = f.encrypt(u); err != nil {
			return nil, err
		}
	}
	if err := f.readBack(done.Data, u, values); err != nil {
		return nil, err
	}
	return done, ctx.Err()
}

// byKey returns the index of the first item with each key.
func byKey(branch sops.TreeBranch) map[any]int {
	at := make(map[any]int, len(branch))
	for i, item := range branch {
		if _, again := at[item.Key]; !again {
			at[item.Key] = i
		}
	}
	return at
}

func (f *File) encrypt(u *unlocked) (data []byte, err error) {
	defer rescue(f, &err)
	if data, err = u.encrypt(f.format); err != nil {
		return nil, fail(Damaged, f.whole(), "", "SOPS cannot encrypt it")
	}
	return data, nil
}

// readBack reports values that an encrypted file does not have, or has in plaintext: a rule can
// exempt keys from encryption.
func (f *File) readBack(data []byte, u *unlocked, values []Named) (err error) {
	defer rescue(f, &err)
	written, err := f.opener.Open(f.name, data)
	if err != nil {
		return err
	}
	var exposed []string
	for _, v := range values {
		p, err := written.find([]string{v.Key})
		if err != nil {
			return err
		}
		if p.Type != "str" {
			exposed = append(exposed, v.Key)
		}
	}
	if len(exposed) > 0 {
		return fail(NotEncrypted, f.whole(),
			"see encrypted_regex, encrypted_suffix and their opposites in .sops.yaml or in the file; "+
				"without any, only names that end in _unencrypted are exempt",
			"its rules do not encrypt %s", strings.Join(exposed, ", "))
	}
	again, err := written.unlockWith(written.tree, u.key) // in place: written is used for nothing else
	if err != nil {
		return err
	}
	plain := again.tree.Branches[0]
	at := byKey(plain)
	for _, v := range values {
		if !v.is(plain[at[v.Key]].Value) {
			return fail(Damaged, f.whole(), "", "%s is not the same when it is read back", shown([]string{v.Key}))
		}
	}
	return nil
}
