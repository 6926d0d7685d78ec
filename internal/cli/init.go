package cli

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

	"github.com/secretsync/secretsync/internal/ask"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lockmerge"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest/schema"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// schemaFile is the file that init writes the manifest's JSON Schema to.
const schemaFile = setup.SchemaFile

// initOptions are the flags of init.
type initOptions struct {
	manifestFlags
	lockFlags
	store, ci string
	age       setup.Choice
	yes       bool
}

func (a *App) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a project: manifest, encryption, CI recipe",
		Long: `init creates what does not exist yet, and overwrites nothing: a first manifest
and its schema for editors; an age identity in the user's configuration folder,
where SOPS looks for it, and a .sops.yaml that names its recipient; the key for
the lockfile's fingerprints; entries in .gitignore and .gitattributes; and, with
--ci, a CI recipe.

The fingerprint key is sealed in the lockfile for the recipients in .sops.yaml
or, without any, stored in a file that git ignores. An age identity that SOPS
finds already is used, and none is created. An existing .sops.yaml is checked.

On a terminal, init asks for what the flags leave open. Elsewhere, and with
--yes, it takes the suggested answers. It sends no request. After an interrupt,
run it again.`,
		Example: "  secretsync init\n  secretsync init --yes --ci github\n  secretsync init -f secretsync.toml --recipient age1...",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.lockFlags.register(f)
	f.StringVar(&o.store, "store", "", "the store's name in Cloudflare, for a new manifest (default "+setup.DefaultStore+")")
	f.StringArrayVar(&o.age.Recipients, "recipient", nil, "encrypt for this age `recipient`, and create no identity (repeatable)")
	f.StringVar(&o.age.KeyFile, "age-key", "", "the `file` of the age identity, which is created if there is none (default where SOPS looks for it)")
	f.BoolVar(&o.age.None, "no-sops", false, "create no .sops.yaml")
	f.StringVar(&o.ci, "ci", "", "add a CI recipe: github, gitlab or none (default none)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask: take the suggested answers")
	return cmd
}

// initiation is one run of init.
type initiation struct {
	app  *App
	opts *initOptions
	file string // the manifest
	// existed is set if there was a manifest.
	existed bool
	root    string // of the repository
	age     setup.Encryption
	project *reconcile.Project
	written []string // files to commit
}

// init decides everything, which may ask, before it writes anything.
func (a *App) init(ctx context.Context, o *initOptions) error {
	in := &initiation{app: a, opts: o}
	for _, step := range []func(context.Context) error{
		in.decide, in.writeManifest, in.writeEncryption, in.createKey, in.writeGitFiles, in.writeRecipe,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return in.next()
}

func (in *initiation) decide(ctx context.Context) error {
	o := in.opts
	var err error
	if in.file, in.existed, err = setup.FindManifest(o.file); err != nil {
		return err
	}
	if err := in.checkFlags(); err != nil {
		return err
	}
	if err := in.openManifest(ctx); err != nil {
		return err
	}
	dir := filepath.Dir(in.file)
	in.root = repo.New(dir, false).Root
	opener, err := sopsfile.New(sopsfile.Options{KeyTypes: in.app.sopsKeyTypes(&o.manifestFlags)})
	if err != nil {
		return err
	}
	if in.age, err = setup.Choose(ctx, opener, in.root, dir, o.age, in.app.LookupEnv); err != nil {
		return err
	}
	return in.askOpen(ctx)
}

// openManifest reads the manifest, or checks that a new one can be written.
func (in *initiation) openManifest(ctx context.Context) error {
	if !in.existed {
		if _, err := setup.Manifest(in.file, setup.DefaultStore); err != nil {
			return err
		}
	}
	flags := in.opts.manifestFlags
	flags.file = in.file
	guard := &in.app.files
	if !in.existed { // the manifest will be written, and nothing may be in its place, or the lockfile's
		c, err := in.app.config(&flags, in.file, nil)
		if err != nil {
			return err
		}
		guard = new(outfile.Guard)
		guard.Protect(reconcile.Files(c, nil))
	} else if _, err := in.app.project(ctx, &flags, nil); err != nil {
		return err
	}
	if file := in.opts.age.KeyFile; file != "" {
		return guard.CheckOwn("--age-key", file, "a file with a decryption key")
	}
	return nil
}

// questions asks on the terminal. Without one, or if it is off, suggested answers are taken.
func (a *App) questions(off bool) *ask.Questions {
	q := ask.New(a.In, a.Err, a.Filter.Flush)
	q.Off = off || !isTerminal(a.In)
	return q
}

// checkFlags checks the answers that flags give.
func (in *initiation) checkFlags() error {
	o := in.opts
	if o.ci != "" {
		if err := setup.CheckCI(o.ci); err != nil {
			return fmt.Errorf("--ci %w", err)
		}
	}
	if o.store == "" {
		return nil
	}
	if in.existed {
		return hint.With(errors.New("--store goes with a new manifest, and there is one: "+in.file), "name the store in it")
	}
	if err := setup.CheckStore(o.store); err != nil {
		return fmt.Errorf("--store %w", err)
	}
	return nil
}

// askOpen asks for what the flags leave open.
func (in *initiation) askOpen(ctx context.Context) (err error) {
	o, questions := in.opts, in.app.questions(in.opts.yes)
	defer func() {
		if errors.Is(err, ask.ErrEnded) {
			err = hint.With(err, "answer with flags, which --help lists, or take the suggested answers with --yes")
		}
	}()
	if o.store == "" && !in.existed {
		if o.store, err = questions.Text(ctx, "Store in Cloudflare", setup.DefaultStore, setup.CheckStore); err != nil {
			return err
		}
	}
	if question := in.identityQuestion(); question != "" {
		ok, err := questions.Yes(ctx, question)
		if err != nil {
			return err
		}
		if !ok {
			in.age.NewKey, in.age.Place, in.age.Recipients = "", "", nil
		}
	}
	if o.ci != "" || questions.Off {
		return nil
	}
	o.ci, err = questions.Text(ctx, "CI recipe (github, gitlab, none)", setup.LikelyCI(ctx, in.root, in.app.env), setup.CheckCI)
	return err
}

// identityQuestion asks about an identity that no flag names; "" if there is nothing to ask.
func (in *initiation) identityQuestion() string {
	switch {
	case in.age.KeyFile != "" || in.age.Exists || len(in.opts.age.Recipients) > 0:
		return ""
	case in.age.NewKey != "":
		return "Create an age identity in " + render.Safe(in.age.NewKey) + ", to encrypt values for"
	case in.age.Place != "":
		return "Encrypt values for your age identity in " + render.Safe(in.age.Place)
	}
	return ""
}

// say writes a line of the result. Foreign text in it is escaped.
func (in *initiation) say(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = render.Safe(text)
		}
	}
	fmt.Fprintf(in.app.Out, format+"\n", args...)
}

func (in *initiation) writeManifest(context.Context) error {
	if in.existed {
		in.say("%s exists and is left as it is.", in.file)
		in.written = append(in.written, in.file)
	} else {
		text, err := setup.Manifest(in.file, in.opts.store)
		if err != nil {
			return err
		}
		if err := in.create("-f", in.file, text); err != nil {
			return err
		}
	}
	return in.create("init:", filepath.Join(filepath.Dir(in.file), schemaFile), schema.JSON)
}

// create writes a file unless it exists.
func (in *initiation) create(flag, name string, data []byte) error {
	in.written = append(in.written, name)
	return in.app.writeNew(flag, name, data)
}

// writeNew writes a file unless it exists. flag is how the user named it.
func (a *App) writeNew(flag, name string, data []byte) error {
	created, err := a.files.Create(outfile.File{Flag: flag, Path: name}, data)
	if err != nil || !created {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "Wrote %s.\n", render.Safe(name))
	return err
}

// writeEncryption creates the identity and the .sops.yaml, or says what it found.
func (in *initiation) writeEncryption(context.Context) error {
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
	if file := e.KeyFile; file != "" && !setup.IsDefault(file, in.app.LookupEnv) {
		full, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		in.say("SOPS does not look for the identity there by itself. In each shell:\n  export SOPS_AGE_KEY_FILE=%s", shell.Word(full))
	}
	return nil
}

// sayFound reports what an existing .sops.yaml says.
func (in *initiation) sayFound() {
	a, e := in.app, &in.age
	in.written = append(in.written, e.Rules)
	if e.Uncovered {
		a.Say("warning: %s has no rule for %s, the file that values are written to by default", e.Rules, setup.ValuesFile)
		a.sayHint("add a rule for it, or name a file that a rule covers: secretsync set NAME --sops FILE")
		return
	}
	in.say("%s exists and is left as it is: recipients %d.", e.Rules, len(e.Found.Age)+e.Found.Others)
	if e.Foreign() {
		a.Say("warning: no age identity on this machine is one of its recipients: you can encrypt values, and not read them")
		a.sayHint("send the recipient of your identity to a holder of one, who adds it and runs sops updatekeys and secretsync lock rekey")
	}
}

// createKey creates the fingerprint key.
func (in *initiation) createKey(ctx context.Context) error {
	a, o := in.app, in.opts
	c, err := a.config(&o.manifestFlags, in.file, nil)
	if err != nil {
		return err
	}
	o.configure(&c)
	if file := in.age.KeyFile; file != "" && !setup.IsDefault(file, a.LookupEnv) {
		c.Notify = func(e reconcile.Event) {
			if _, ok := e.(reconcile.KeyNotOpened); !ok { // what to do about it was said
				a.notify(e)
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
	defer run.Close()
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
func (in *initiation) writeGitFiles(ctx context.Context) error {
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
func (in *initiation) ignore(path string) error {
	dir := filepath.Dir(path)
	file := filepath.Join(dir, ".gitignore")
	before, _ := os.ReadFile(file)
	ignored := ignoredBy(path)
	ignored = append(ignored, emulatorDefault, emulatorDefault+".flock", filepath.Base(emulated(path)))
	if err := keyring.Ignore(dir, append(ignored, ignoredBy(emulated(path))...)...); err != nil {
		return err
	}
	in.written = append(in.written, file)
	if after, err := os.ReadFile(file); err == nil && !bytes.Equal(before, after) {
		in.say("Added the emulator's files and the lockfile's temporary ones to %s.", file)
	}
	return nil
}

// emulated is a lockfile for the emulator, so that the project's own stays that of Cloudflare.
func emulated(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".emulator.lock"
}

// ignoredBy are the names of the files beside a lockfile that belong in no repository.
func ignoredBy(path string) []string {
	key := filepath.Base(keyring.Ring{Lockfile: path}.KeyFile())
	return append([]string{key, key + ".new"}, lockfile.Ignored(path)...)
}

// merge names the merge driver for the lockfile in .gitattributes, and says how to configure it,
// which git does not let a repository do.
func (in *initiation) merge(ctx context.Context, path string) error {
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
	if set, err := repo.Git(ctx, filepath.Dir(path), in.app.env, "config", "--get", "merge.secretsync.driver"); err == nil && len(set) > 0 {
		return nil
	}
	in.say("To let git merge lockfiles record by record, run once in each clone:\n  %s\n  %s", configDriver, lockmerge.GitRecursive)
	return nil
}

// next says how to go on, in commands that can be pasted.
func (in *initiation) next() error {
	a := in.app
	in.say("\nNext:\n  %s", a.line("plan", "--emulator"))
	if in.age.Exists || len(in.age.Recipients) > 0 {
		in.say("  %s", a.line("set", "stripe-secret-key"))
	} else {
		in.say("  %s", a.line("validate"))
	}
	if !repo.InWorkTree(filepath.Dir(in.file)) {
		in.say("  %s", a.line("apply", "--emulator", "--lockfile", shell.File(emulated(in.project.LocalLockfile()))))
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
