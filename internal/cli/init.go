package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lockmerge"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/manifest/schema"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// schemaFile is the file that init writes the manifest's JSON Schema to.
const schemaFile = "secretsync.schema.json"

// starters are first manifests, by file extension. They are valid as they are.
var starters = map[string]string{
	".yaml": `# yaml-language-server: $schema=./` + schemaFile + `
version: 1
stores:
  default_secrets_store:     # the name of your account's store in Cloudflare
    secrets:
      example-signing-key:   # generated at random by the first apply
        generate: {bytes: 32, encoding: hex}
      # stripe-secret-key:   # from a file that SOPS encrypted
      #   from: {sops: secrets/prod.enc.yaml, key: stripe.secret_key}
      #   comment: Stripe, payments team
      # session-key:         # from the environment
      #   from: {env: SESSION_KEY}
`,
	".toml": `#:schema ./` + schemaFile + `
version = 1

[stores.default_secrets_store.secrets] # the name of your account's store in Cloudflare
# Generated at random by the first apply.
example-signing-key = { generate = { bytes = 32, encoding = "hex" } }
# From a file that SOPS encrypted.
# stripe-secret-key = { from = { sops = "secrets/prod.enc.yaml", key = "stripe.secret_key" }, comment = "Stripe, payments team" }
# From the environment.
# session-key = { from = { env = "SESSION_KEY" } }
`,
}

// initOptions are the flags of init.
type initOptions struct {
	manifestFlags
	lockFlags
}

func (a *App) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create a first manifest and the fingerprint key",
		Long: `init creates what does not exist yet: a first manifest, its schema for editors,
and the key for the lockfile's fingerprints. The key is sealed in the lockfile
for the recipients in .sops.yaml or, without any, stored in a file that git
ignores. It also names the merge driver for the lockfile in .gitattributes
(lock merge). init sends no request and overwrites nothing.`,
		Example: "  secretsync init\n  secretsync init -f secretsync.toml",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), &o) },
	}
	o.manifestFlags.register(cmd.Flags())
	o.lockFlags.register(cmd.Flags())
	return cmd
}

func (a *App) init(ctx context.Context, o *initOptions) error {
	file, err := a.initManifest(o.file)
	if err != nil {
		return err
	}
	c, err := a.config(&o.manifestFlags, file, nil)
	if err != nil {
		return err
	}
	o.configure(&c)
	project, err := reconcile.Open(ctx, c)
	if err != nil {
		return err
	}
	run, err := project.Lock(ctx)
	if err != nil {
		return err
	}
	defer run.Close()
	key, err := run.CreateKey(ctx)
	if err != nil {
		return err
	}
	if err := a.initIgnore(project.LocalLockfile()); err != nil {
		return err
	}
	if !objectstore.IsURL(project.Lockfile()) {
		if err := a.initMerge(ctx, project.Lockfile()); err != nil {
			return err
		}
	}
	return a.reportInit(project, key)
}

// initIgnore makes git ignore what belongs in no repository, before there may be one.
func (a *App) initIgnore(path string) error {
	key := filepath.Base(keyring.Ring{Lockfile: path}.KeyFile())
	ignored := append([]string{key, key + ".new", emulatorDefault, emulatorDefault + ".flock"}, lockfile.Ignored(path)...)
	return keyring.Ignore(filepath.Dir(path), ignored...)
}

// initMerge names the merge driver for the lockfile in .gitattributes, and says how to
// configure it, which git does not let a repository do.
func (a *App) initMerge(ctx context.Context, path string) error {
	dir, name := filepath.Split(path)
	added, err := keyring.MergeWith(filepath.Dir(path), name, "secretsync")
	if err != nil {
		return err
	}
	if added {
		fmt.Fprintf(a.Out, "Added %s to %s.\n", render.Safe(name), render.Safe(filepath.Join(dir, ".gitattributes")))
	}
	if !repo.InWorkTree(filepath.Dir(path)) {
		return nil
	}
	if set, err := repo.Git(ctx, filepath.Dir(path), a.env, "config", "--get", "merge.secretsync.driver"); err == nil && len(set) > 0 {
		return nil
	}
	_, err = fmt.Fprintf(a.Out, "To let git merge lockfiles record by record, run once in each clone:\n  %s\n  %s\n",
		configDriver, lockmerge.GitRecursive)
	return err
}

// initManifest writes a first manifest and its schema unless a manifest exists, and returns
// its file name.
func (a *App) initManifest(file string) (string, error) {
	if file == "" {
		found, err := manifest.Find(".")
		switch {
		case errors.Is(err, manifest.ErrNone):
			found = "secretsync.yaml"
		case err != nil:
			return "", err
		}
		file = found
	}
	ext := filepath.Ext(file)
	if ext == ".yml" {
		ext = ".yaml"
	}
	if _, err := os.Lstat(file); err == nil {
		_, err := fmt.Fprintf(a.Out, "%s exists and is left as it is.\n", render.Safe(file))
		return file, err
	}
	text, ok := starters[ext]
	if !ok {
		return "", fmt.Errorf("init writes YAML or TOML: %q should end in .yaml, .yml or .toml", file)
	}
	if err := a.writeNew("-f", file, []byte(text)); err != nil {
		return "", err
	}
	return file, a.writeNew("init:", filepath.Join(filepath.Dir(file), schemaFile), schema.JSON)
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

func (a *App) reportInit(p *reconcile.Project, key reconcile.CreatedKey) error {
	verb := "Created"
	if key.Existed {
		verb = "Found"
	}
	from := key.Status.From
	if from == keyring.FromSealed {
		from = p.Lockfile() + ", sealed for the recipients in .sops.yaml"
	}
	keep := fmt.Sprintf("%s it together with %s", commit(p.Lockfile()), p.Lockfile())
	if objectstore.IsURL(p.Lockfile()) {
		keep = commit(p.Manifest().File) + " it: the lockfile is in the bucket"
	}
	_, err := fmt.Fprintf(a.Out, "%s the fingerprint key %s: %s.\nNext: edit %s, run validate and plan --emulator, and %s.\n",
		verb, key.ID, render.Safe(from), render.Safe(p.Manifest().File), render.Safe(keep))
	return err
}
