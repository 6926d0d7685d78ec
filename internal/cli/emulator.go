package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// emulatorOptions are the flags of emulator.
type emulatorOptions struct {
	emulator.Options
	listen         string
	faults, tokens []string
}

func (a *App) emulatorCommand() *cobra.Command {
	var o emulatorOptions
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Emulate the Secrets Store API on this machine",
		Long: `emulator serves Cloudflare's Secrets Store API on a loopback address until it is
interrupted. Any client works with it: secretsync, wrangler, Cloudflare's SDKs.
No response contains a value; the state has a keyed digest of each.

--fault makes requests fail: "METHOD PATH KIND[-after][=TIME] [once|N]". PATH is
the end of a path, and * matches anything:
  cut, reset, stall            the connection is closed, reset, or silent
  500, 502, 503, 403, 404      errors
  429, 971                     the rate limit; TIME is its Retry-After
  truncated, malformed, empty  a broken response
  short                        a list lacks every other entry, and counts it
  lag                          a read shows the state before the latest write,
                               or of TIME ago
With KIND-after, the request takes effect first. For example:
  --fault 'POST /secrets cut-after once' --fault 'GET /secrets lag=2s'

Where Cloudflare's behavior is not documented, flags choose it:
--partial-bulk-create, --name-conflict-status 409, --pending-for 10m for
secrets that stay pending, --activation-moves-modified,
--deploy-moves-modified, and --audit-delay 5m for an audit log that is late.

For a deployed Worker, only its bindings are kept. The audit log names tokens by
digests; a request with the header "Emulator-User: EMAIL" is that user's change
in the dashboard.

Any API token is accepted, and any API key with an email address, unless --token
names the valid ones with their permissions, as in
  --token 'ci=Secrets Store Read,Workers Scripts Read'
Permissions: Secrets Store Read and Write, Workers Scripts Read and Edit,
AI Gateway Read and Edit, Workers Containers Read and Write, Account Settings
Read. Beside them, disabled, expires=TIME, not_before=TIME and account=ID (its
owner) describe the token.

Previews of Workers, as verify and wrangler dev --remote create them, run at
the path /__preview/NAME/, in the workerd of the wrangler or Miniflare that is
installed in the current folder. Without one, only the previews of verify are
imitated. Workers can read values only with --keep-values, which stores them in
plain text: use made-up ones.`,
		Example: "  secretsync emulator\n  secretsync emulator --state emulator.json --max-secrets 200\n  secretsync emulator --fault 'GET /secrets 429=2s once'",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.emulate(cmd.Context(), &o) },
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *emulatorOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:8787", "loopback address to listen on; port 0 picks one")
	f.StringVar(&o.StateFile, "state", "", "file that holds the state (default: memory alone)")
	f.StringArrayVar(&o.faults, "fault", nil, "make requests fail: \"METHOD PATH KIND[-after][=TIME] [once|N]\" (repeatable)")
	f.BoolVar(&o.KeepValues, "keep-values", false, "keep values in plain text, for previews of Workers to read")
	f.StringArrayVar(&o.tokens, "token", nil, "accept this token alone: \"TOKEN=PERMISSION,...\" (repeatable; default: any token, with all permissions)")
	f.IntVar(&o.MaxStores, "max-stores", 0, "stores an account may have (default 1, as at Cloudflare)")
	f.IntVar(&o.MaxSecrets, "max-secrets", 0, "secrets an account may have (default 100, as at Cloudflare)")
	f.BoolVar(&o.PartialBulkCreate, "partial-bulk-create", false,
		"keep the secrets before the refused one of a bulk create (default: none)")
	f.IntVar(&o.NameConflictStatus, "name-conflict-status", 0, "HTTP status where a name is in use, 400 or 409 (default 400)")
	f.DurationVar(&o.PendingFor, "pending-for", 0, "how long a new secret stays pending when it is read (default: not at all)")
	f.BoolVar(&o.ActivationMoves, "activation-moves-modified", false,
		"each write of a value makes its secret pending, and activation moves its modification time (default: neither)")
	f.BoolVar(&o.DeployMoves, "deploy-moves-modified", false,
		"deploying a Worker moves the modification times of the secrets that it binds (default: not)")
	f.DurationVar(&o.AuditDelay, "audit-delay", 0, "how late the audit log shows a change (default: not at all)")
	f.IntVar(&o.MaxPerPage, "max-per-page", 0, "largest page of a list (default 100, as at Cloudflare)")
}

// emulate serves the API until ctx ends.
func (a *App) emulate(ctx context.Context, o *emulatorOptions) error {
	opts := o.Options
	if len(o.faults) > 0 {
		fault, err := faultrule.Parse(o.faults...)
		if err != nil {
			return err
		}
		opts.Fault = fault
	}
	valid, states, err := emulator.ParseTokens(o.tokens...)
	if err != nil {
		return err
	}
	opts.Tokens, opts.TokenStates, opts.Miniflare = valid, states, []string{"."}
	if opts.StateFile != "" {
		if err := a.checkState(ctx, opts.StateFile); err != nil {
			return err
		}
	}
	e, err := emulator.Listen(ctx, o.listen, opts)
	if err != nil {
		return err
	}
	defer e.Stop()
	if opts.KeepValues {
		a.Say("warning: values are kept in plain text in %s, because of --keep-values: use made-up values only", cmp.Or(opts.StateFile, "memory"))
	}
	fmt.Fprintf(a.Out, "export CLOUDFLARE_API_BASE_URL=%s\nexport CLOUDFLARE_API_TOKEN=%s\nexport CLOUDFLARE_ACCOUNT_ID=%s\n",
		e.BaseURL(), emulatorToken, bindings.EmulatorAccount)
	a.Say("listening; press Ctrl-C to stop")
	<-ctx.Done()
	return nil
}

// checkState refuses a state file that belongs to the project in the current folder.
func (a *App) checkState(ctx context.Context, path string) error {
	if file, err := manifest.Find("."); err == nil {
		a.files.ProtectUnread(ctx, reconcile.Config{Manifest: file, LookupEnv: a.LookupEnv})
	}
	for _, name := range []string{path, path + ".flock"} {
		if err := a.files.CheckOwn("--state", name); err != nil {
			return err
		}
	}
	return nil
}
