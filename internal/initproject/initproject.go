// Package initproject sets up a project: it writes a first manifest and the files that belong beside it.
// It implements init, and names the flags of that command. The content comes from package setup.
package initproject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/ask"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Options say what to set up.
type Options struct {
	// Manifest is the file that --file names, or empty.
	Manifest string
	// Store is its name in a new manifest, and CI the system to write a recipe for. If they are empty,
	// the user is asked.
	Store, CI string
	// Age says for whom values are encrypted.
	Age setup.Choice
	// KeyTypes are the key types that SOPS files may use; none means the default.
	KeyTypes []string
	// EmulatorState is the name of the emulator's state file beside the lockfile. Git should ignore it.
	EmulatorState string
	// Open opens the manifest, if there is one, and tells Outputs of its files. Config is the
	// configuration for the manifest in a file.
	Open   func() (*reconcile.Project, error)
	Config func(file string) (reconcile.Config, error)
}

// Host is the program around it: its streams, and what it knows about the command line.
type Host struct {
	Out       io.Writer
	LookupEnv func(string) (string, bool)
	// Questions asks what the options leave open.
	Questions *ask.Questions
	// Outputs says which files must not be written.
	Outputs *outfile.Guard
	// Say writes a line to the standard error, and Hint one with advice.
	Say  func(format string, args ...any)
	Hint func(text string)
	// Line is a command of secretsync that can be pasted.
	Line func(words ...string) string
}

// getenv returns an environment variable's value, or "".
func (h *Host) getenv(name string) string {
	value, _ := h.LookupEnv(name)
	return value
}

// initialization is one run of init.
type initialization struct {
	Host
	opts Options
	file string // the manifest
	// existed is set if there was a manifest.
	existed bool
	root    string // of the repository
	age     setup.Encryption
	project *reconcile.Project
	written []string // files to commit
}

// Run decides everything, which may ask, before it writes anything. It creates what does not exist
// yet, and overwrites nothing.
func Run(ctx context.Context, o Options, h Host) error {
	in := &initialization{Host: h, opts: o}
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

func (in *initialization) decide(ctx context.Context) error {
	o := &in.opts
	var err error
	if in.file, in.existed, err = setup.FindManifest(o.Manifest); err != nil {
		return err
	}
	if err := in.checkFlags(); err != nil {
		return err
	}
	if err := in.openManifest(); err != nil {
		return err
	}
	dir := filepath.Dir(in.file)
	in.root = repo.New(dir, false).Root
	opener, err := sopsfile.New(sopsfile.Options{KeyTypes: o.KeyTypes})
	if err != nil {
		return err
	}
	if in.age, err = setup.Choose(ctx, opener, in.root, dir, o.Age, in.LookupEnv); err != nil {
		return err
	}
	return in.askOpen(ctx)
}

// openManifest reads the manifest, or checks that a new one can be written.
func (in *initialization) openManifest() error {
	guard := in.Outputs
	if in.existed {
		if _, err := in.opts.Open(); err != nil {
			return err
		}
	} else { // the manifest will be written, and nothing may be in its place, or the lockfile's
		if _, err := setup.Manifest(in.file, setup.DefaultStore); err != nil {
			return err
		}
		c, err := in.opts.Config(in.file)
		if err != nil {
			return err
		}
		guard = new(outfile.Guard)
		guard.Protect(reconcile.Files(c, nil))
	}
	if file := in.opts.Age.KeyFile; file != "" {
		return guard.CheckOwn("--age-key", file, "a file with a decryption key")
	}
	return nil
}

// checkFlags checks the answers that flags give.
func (in *initialization) checkFlags() error {
	o := &in.opts
	if o.CI != "" {
		if err := setup.CheckCI(o.CI); err != nil {
			return fmt.Errorf("--ci %w", err)
		}
	}
	if o.Store == "" {
		return nil
	}
	if in.existed {
		return hint.With(errors.New("--store applies only to a new manifest, but "+in.file+" already exists"), "name the store in it")
	}
	if err := setup.CheckStore(o.Store); err != nil {
		return fmt.Errorf("--store %w", err)
	}
	return nil
}

// askOpen asks for what the flags leave open.
func (in *initialization) askOpen(ctx context.Context) (err error) {
	o, questions := &in.opts, in.Questions
	defer func() {
		if errors.Is(err, ask.ErrEnded) {
			err = hint.With(err, "answer with flags, which --help lists, or take the suggested answers with --yes")
		}
	}()
	if o.Store == "" && !in.existed {
		if o.Store, err = questions.Text(ctx, "Store in Cloudflare", setup.DefaultStore, setup.CheckStore); err != nil {
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
	if o.CI != "" || questions.Off {
		return nil
	}
	o.CI, err = questions.Text(ctx, "CI recipe (github, gitlab, none)", setup.LikelyCI(ctx, in.root, in.getenv), setup.CheckCI)
	return err
}

// identityQuestion asks about an identity that no flag names; "" if there is nothing to ask.
func (in *initialization) identityQuestion() string {
	switch {
	case in.age.KeyFile != "" || in.age.Exists || len(in.opts.Age.Recipients) > 0:
		return ""
	case in.age.NewKey != "":
		return "Create an age identity in " + render.Safe(in.age.NewKey) + ", to encrypt values for"
	case in.age.Place != "":
		return "Encrypt values for your age identity in " + render.Safe(in.age.Place)
	}
	return ""
}
