package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/ask"
	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/envfile"
	"github.com/secretsync/secretsync/internal/envimport"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// setOptions are the flags of set.
type setOptions struct {
	manifestFlags
	store, sops string
	exact       bool
}

func (a *App) setCommand() *cobra.Command {
	var o setOptions
	cmd := &cobra.Command{
		Use:   "set [STORE/]NAME",
		Short: "Encrypt one value, and describe its secret in the manifest",
		Long: `set takes a value from the standard input, or asks for it on a terminal without
showing it. It encrypts the value into a SOPS file (--sops, by default
secrets.enc.yaml beside the manifest) for the recipients in .sops.yaml, and adds
an entry for the secret to the manifest. If the manifest takes its value from a
SOPS file already, the value is replaced there.

The value does not include a line end at its end, such as echo writes; with
--exact it does. A value is never an argument: other processes could see it.

set sends no request to Cloudflare, and needs no sops program: the next apply
sends the value. For several values in a file, see import --from-env.`,
		Example: "  secretsync set stripe-secret-key\n  printf %s \"$KEY\" | secretsync set default_secrets_store/stripe-secret-key\n  secretsync set --exact tls-key < tls.pem",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 { // what follows may be a value: it is not shown
				return hint.With(errors.New("set takes the name of one secret, and never a value: other processes could see it"),
					"write the value to the standard input: printf %s \"$VALUE\" | secretsync set NAME")
			}
			return oneArg("the name of a secret", "for example: secretsync set stripe-secret-key")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.set(cmd.Context(), &o, args[0]) },
	}
	cmd.SetFlagErrorFunc(func(*cobra.Command, error) error { // what begins with - may be a value: it is not shown
		return hint.With(errors.New("not a flag of set, or an invalid value for one (not shown: it may be secret)"), "secretsync set --help lists its flags; a value is never an argument")
	})
	f := cmd.Flags()
	o.manifestFlags.register(f)
	f.StringVar(&o.store, "store", "", "the store in the manifest (default: the only one)")
	f.StringVar(&o.sops, "sops", "", "the SOPS file, in YAML or JSON, for a secret that the manifest does not describe yet")
	f.BoolVar(&o.exact, "exact", false, "keep a line end at the end of the value")
	return cmd
}

func (a *App) set(ctx context.Context, o *setOptions, arg string) error {
	store, name, found := strings.Cut(arg, "/")
	switch {
	case !found:
		store, name = o.store, arg
	case o.store != "":
		return errors.New("the store is named twice: by --store, and before the /")
	}
	if !manifest.IsName(name) || found && !manifest.IsName(store) { // it may be a value: it is not shown
		return hint.With(errors.New("that is not the name of a secret: letters, digits, _ and -"),
			"write the value to the standard input: printf %s \"$VALUE\" | secretsync set NAME")
	}
	return envimport.Set(ctx, name, func() (secret.Value, error) { return a.readValue(ctx, name, o.exact) }, envimport.Options{
		Store: store, Manifest: o.file, SOPS: o.sops, AllowOutside: o.allow.Outside, KeyTypes: a.sopsKeyTypes(&o.manifestFlags),
		Open: func() (*reconcile.Project, error) { return a.project(ctx, &o.manifestFlags, nil) },
	}, a.importHost())
}

// readValue reads a value from the standard input.
func (a *App) readValue(ctx context.Context, name string, exact bool) (secret.Value, error) {
	var data []byte
	var err error
	if f, ok := a.In.(*os.File); ok && isTerminal(f) {
		data, err = a.questions(false).Hidden(ctx, f, "Value of "+name)
	} else {
		data, err = io.ReadAll(io.LimitReader(a.In, envfile.MaxSize))
	}
	defer clear(data)
	if errors.Is(err, ask.ErrSeveralLines) {
		return secret.Value{}, hint.With(err, "write it to a file that only you can read, and run secretsync set --exact "+name+" < FILE")
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading the value: %w", err)
	}
	if encoding := charset.UTF16(data); encoding != "" {
		return secret.Value{}, hint.With(errors.New("the value is encoded in "+encoding), charset.Hint)
	}
	text := data
	if !exact {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	}
	return secret.New(bytes.Clone(text)), nil
}
