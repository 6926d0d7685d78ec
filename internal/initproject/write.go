package initproject

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lockmerge"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest/schema"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
)

// say writes a line of the result. Foreign text in it is escaped.
func (in *initialization) say(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = render.Safe(text)
		}
	}
	fmt.Fprintf(in.Out, format+"\n", args...)
}

func (in *initialization) writeManifest(context.Context) error {
	if in.existed {
		in.say("%s exists and is left as it is.", in.file)
		in.written = append(in.written, in.file)
	} else {
		text, err := setup.Manifest(in.file, in.opts.Store)
		if err != nil {
			return err
		}
		if err := in.create("-f", in.file, text); err != nil {
			return err
		}
	}
	return in.create("init:", filepath.Join(filepath.Dir(in.file), setup.SchemaFile), schema.JSON)
}

// create writes a file unless it exists. flag is how the user named it.
func (in *initialization) create(flag, name string, data []byte) error {
	in.written = append(in.written, name)
	return in.Outputs.CreateAndSay(in.Out, outfile.File{Flag: flag, Path: name}, data)
}

// writeEncryption creates the identity and the .sops.yaml, or says what it found.
func (in *initialization) writeEncryption(context.Context) error {
	e := &in.age
	if err := e.Write(in.root, time.Now()); err != nil {
		return err
	}
	switch {
	case e.Exists:
		in.sayFound()
		return nil
	case len(e.Recipients) == 0:
		return nil
	case e.NewKey != "":
		in.say("Created an age identity in %s. It decrypts your values: keep a copy in a safe place, and never commit it.", e.NewKey)
	case e.Place != "":
		in.say("Found your age identity in %s; no other was created.", e.Place)
	}
	in.written = append(in.written, e.Rules)
	in.say("Wrote %s: values are encrypted for %s.", e.Rules, strings.Join(e.Recipients, ", "))
	if file := e.KeyFile; file != "" && !setup.IsDefault(file, in.LookupEnv) {
		full, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		in.say("SOPS does not look for the identity there by itself. In each shell:\n  export SOPS_AGE_KEY_FILE=%s", shell.Word(full))
	}
	return nil
}

// sayFound reports what an existing .sops.yaml says.
func (in *initialization) sayFound() {
	e := &in.age
	in.written = append(in.written, e.Rules)
	if e.Uncovered {
		in.Say("warning: %s has no rule for %s, the file that values are written to by default", e.Rules, setup.ValuesFile)
		in.Hint("add a rule for it, or name a file that a rule covers: secretsync set NAME --sops FILE")
		return
	}
	in.say("%s exists and is left as it is. Values are encrypted for:", e.Rules)
	for _, key := range e.Found.Keys {
		in.say("  %s", key)
	}
	if e.Foreign() {
		in.Say("warning: no age identity on this machine is one of its recipients: you can encrypt values but not decrypt them")
		in.Hint("send the recipient of your identity to a holder of one, who adds it and runs sops updatekeys and secretsync lock rekey")
	}
}

// createKey creates the fingerprint key.
func (in *initialization) createKey(ctx context.Context) (err error) {
	c, err := in.opts.Config(in.file)
	if err != nil {
		return err
	}
	if file := in.age.KeyFile; file != "" && !setup.IsDefault(file, in.LookupEnv) {
		notify := c.Notify
		c.Notify = func(e reconcile.Event) {
			if _, ok := e.(reconcile.KeyNotOpened); !ok { // what to do about it was said
				notify(e)
			}
		}
	}
	if in.project, err = reconcile.Open(ctx, c); err != nil {
		return err
	}
	run, err := in.project.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	key, err := run.CreateKey(ctx)
	if err != nil {
		return err
	}
	verb, from := "Created", key.Status.From
	if key.Existed {
		verb = "Found"
	}
	if from == keyring.FromSealed {
		from = in.project.Lockfile() + ", sealed for the recipients in .sops.yaml"
	}
	in.say("%s the fingerprint key %s: %s.", verb, key.ID, from)
	return nil
}

// writeGitFiles adds to .gitignore and .gitattributes.
func (in *initialization) writeGitFiles(ctx context.Context) error {
	path := in.project.LocalLockfile()
	if err := in.ignore(path); err != nil {
		return err
	}
	if objectstore.IsURL(in.project.Lockfile()) {
		return nil
	}
	in.written = append(in.written, path)
	return in.merge(ctx, path)
}

// ignore makes git ignore what belongs in no repository, before there may be one.
func (in *initialization) ignore(path string) error {
	dir := filepath.Dir(path)
	file := filepath.Join(dir, ".gitignore")
	before, _ := os.ReadFile(file)
	ignored := ignoredBy(path)
	ignored = append(ignored, in.opts.EmulatorState, in.opts.EmulatorState+".flock", filepath.Base(emulated(path)))
	if err := keyring.Ignore(dir, append(ignored, ignoredBy(emulated(path))...)...); err != nil {
		return err
	}
	in.written = append(in.written, file)
	if after, err := os.ReadFile(file); err == nil && !bytes.Equal(before, after) {
		in.say("Added the emulator's files and the lockfile's temporary ones to %s.", file)
	}
	return nil
}

// emulated is a lockfile for the emulator, so that the project's own is only about Cloudflare.
func emulated(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".emulator.lock"
}

// ignoredBy returns the names of the files beside a lockfile that must not be in a repository.
func ignoredBy(path string) []string {
	key := filepath.Base(keyring.Ring{Lockfile: path}.KeyFile())
	return append([]string{key, key + ".new"}, lockfile.Ignored(path)...)
}

// merge names the merge driver for the lockfile in .gitattributes, and says how to configure it,
// which git does not let a repository do.
func (in *initialization) merge(ctx context.Context, path string) error {
	dir, name := filepath.Split(path)
	file := filepath.Join(dir, ".gitattributes")
	added, err := keyring.MergeWith(filepath.Dir(path), name, "secretsync")
	if err != nil {
		return err
	}
	in.written = append(in.written, file)
	if added {
		in.say("Added %s to %s.", name, file)
	}
	if !repo.InWorkTree(filepath.Dir(path)) {
		return nil
	}
	if set, err := repo.Git(ctx, filepath.Dir(path), in.getenv, "config", "--get", "merge.secretsync.driver"); err == nil && len(set) > 0 {
		return nil
	}
	in.say("To let git merge lockfiles record by record, run once in each clone:\n  %s\n  %s", lockmerge.GitDriver, lockmerge.GitRecursive)
	return nil
}

// next says how to go on, in commands that can be pasted.
func (in *initialization) next() error {
	in.say("\nNext:\n  %s", in.Line("plan", "--emulator"))
	if in.age.Exists || len(in.age.Recipients) > 0 {
		in.say("  %s", in.Line("set", "stripe-secret-key"))
	} else {
		in.say("  %s", in.Line("validate"))
	}
	if !repo.InWorkTree(filepath.Dir(in.file)) {
		in.say("  %s", in.Line("apply", "--emulator", "--lockfile", shell.File(emulated(in.project.LocalLockfile()))))
		if objectstore.IsURL(in.project.Lockfile()) {
			in.say("Keep %s: the lockfile is in the bucket.", in.file)
		} else {
			in.say("Keep %s together with %s.", in.file, in.project.Lockfile())
		}
		return nil
	}
	in.written = append(in.written, filepath.Join(filepath.Dir(in.file), setup.ValuesFile))
	slices.Sort(in.written)
	var names []string
	for _, name := range slices.Compact(in.written) {
		if _, err := os.Lstat(name); err == nil && outfile.Inside(in.root, name) {
			names = append(names, shell.File(name))
		}
	}
	in.say("  git add %s", strings.Join(names, " "))
	return nil
}
