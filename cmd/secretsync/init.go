package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/manifest/schema"
	"github.com/spf13/cobra"
)

// schemaFile is the manifest's JSON Schema where init puts it.
const schemaFile = "secretsync.schema.json"

// starters are first manifests, by the extension of the file. They work as they are.
var starters = map[string]string{
	".yaml": `# yaml-language-server: $schema=./` + schemaFile + `
version: 1
stores:
  default_secrets_store:     # the name of your account's store in Cloudflare
    secrets:
      example-signing-key:   # drawn at random at the first apply; nobody has to know it
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
# Drawn at random at the first apply; nobody has to know it.
example-signing-key = { generate = { bytes = 32, encoding = "hex" } }
# From a file that SOPS encrypted.
# stripe-secret-key = { from = { sops = "secrets/prod.enc.yaml", key = "stripe.secret_key" }, comment = "Stripe, payments team" }
# From the environment.
# session-key = { from = { env = "SESSION_KEY" } }
`,
}

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make a first manifest, and the fingerprint key",
		Long: "init makes what is not there yet: a manifest to begin with, its schema for editors, and the key that the lockfile's\n" +
			"fingerprints are made with. The key is sealed in the lockfile for the recipients of .sops.yaml where that has some, else put\n" +
			"into a file that git ignores. init sends nothing, and overwrites nothing.",
		Example: "  secretsync init\n  secretsync init -f secretsync.toml",
		Args:    a.noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context()) },
	}
}

func (a *app) init(ctx context.Context) error {
	if err := a.initManifest(); err != nil {
		return err
	}
	return a.underLock(ctx, func(s *session, handle *lockfile.Handle) error {
		w := &workspace{session: s, lock: handle.File()}
		had := w.lock.Key.ID
		var err error
		if w.key, err = s.findKey(ctx, w.lock); err != nil {
			return err
		}
		if err := w.ensureKey(ctx); err != nil {
			return err
		}
		key := w.lock.Key
		if had == "" {
			if err := handle.Update(func(f *lockfile.File) { f.Key = key }); err != nil {
				return err
			}
		}
		return w.reportInit(ctx, had != "")
	})
}

// initManifest writes a first manifest and its schema, if there is none, and tells
// the flags where it is.
func (a *app) initManifest() error {
	file := a.flags.file
	if file == "" {
		found, err := manifest.Find(".")
		switch {
		case errors.Is(err, manifest.ErrNone):
			found = "secretsync.yaml"
		case err != nil:
			return err
		}
		file = found
	}
	a.flags.file = file
	ext := filepath.Ext(file)
	if ext == ".yml" {
		ext = ".yaml"
	}
	if _, err := os.Lstat(file); err == nil {
		_, err := fmt.Fprintf(a.std.out, "%s is there, and left as it is.\n", render.Safe(file))
		return err
	}
	text, ok := starters[ext]
	if !ok {
		return fmt.Errorf("init writes YAML or TOML: the manifest's name has to end with .yaml, .yml or .toml, unlike %q", file)
	}
	if err := a.writeNew(file, []byte(text)); err != nil {
		return err
	}
	return a.writeNew(filepath.Join(filepath.Dir(file), schemaFile), schema.JSON)
}

// writeNew writes a file, unless it is there.
func (a *app) writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("writing a new file: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), os.Remove(name))
	}
	_, err = fmt.Fprintf(a.std.out, "Wrote %s.\n", render.Safe(name))
	return err
}

func (w *workspace) reportInit(ctx context.Context, had bool) error {
	key := w.ring().Status(ctx, w.lock.Key.ID, w.lock.Key.Sealed)
	verb := "Made"
	if had {
		verb = "Found"
	}
	from := key.From
	if from == keyring.FromSealed {
		from = w.lockPath + ", sealed for the recipients of .sops.yaml"
	}
	_, err := fmt.Fprintf(w.std.out, "%s the fingerprint key %s: %s.\nNext: edit %s, run validate and plan --emulator, and commit it with %s.\n",
		verb, w.lock.Key.ID, render.Safe(from), render.Safe(w.manifest.File), render.Safe(w.lockPath))
	return err
}
