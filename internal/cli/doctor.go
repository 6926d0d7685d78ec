package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/buildinfo"
	"github.com/secretsync/secretsync/internal/doctor"
	"github.com/secretsync/secretsync/internal/harden"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	manifestFlags
	apiFlags
	format           string
	offline, noColor bool
}

func (a *App) doctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the token, keys, files and settings of this machine",
		Long: `doctor checks what plan and apply need here, one line each, with what to do
below: the manifest and its variables, the lockfile and whether it is committed,
an unfinished apply, what git tracks and ignores, the fingerprint key, which
SOPS files can be decrypted here, the bindings of Workers, the proxy, the API,
the token's expiry and permissions, accounts, stores, quota, leases, the clock.

It needs neither a manifest nor a token: checks that are not possible are
skipped, and say why. It sends only requests that read, so it cannot know
whether the token may write. It writes no file and shows no value, token or key.
Keys of SOPS files that a server keeps are tried only with --sops-key-types.

It exits with 1 if a check found an error, and with 0 if none did: warnings do
not count.
`,
		Example: "  secretsync doctor\n  secretsync doctor --format json --offline",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	f.StringVar(&o.format, "format", "text", "text or json")
	f.BoolVar(&o.offline, "offline", false, "send no request")
	registerNoColor(f, &o.noColor)
	return cmd
}

func (a *App) doctor(ctx context.Context, o *doctorOptions) error {
	if o.format != "text" && o.format != "json" {
		return fmt.Errorf("--format %q is neither text nor json", o.format)
	}
	api, err := a.connect(&o.apiFlags)
	if err != nil {
		return err
	}
	api.readOnly = true
	options, err := a.examine(ctx, o, api)
	if err != nil {
		return err
	}
	defer api.stop()
	report, err := doctor.Run(ctx, options)
	if err != nil {
		return err
	}
	if o.format == "json" {
		err = a.printJSON(report)
	} else {
		style := a.style(o.noColor)
		err = report.Text(a.Out, func(s doctor.Status) string { return style.Status(string(s)) })
	}
	if err == nil && report.Result == doctor.Error {
		err = &status{code: exitError}
	}
	return err
}

// examine returns what doctor checks. Unless that is not wanted, it makes the API usable.
func (a *App) examine(ctx context.Context, o *doctorOptions, api *connection) (doctor.Options, error) {
	options := doctor.Options{
		Version: strings.TrimPrefix(buildinfo.Line(), "secretsync "), CoreDumps: harden.Prevented,
		Address: cmp.Or(api.address, "the emulator"), Proxy: http.ProxyFromEnvironment, Skew: api.skew,
		TokenName: api.tokenName, Timeout: o.timeout, Command: a.line, Explain: a.explain,
		Tracked: func(ctx context.Context, lockfile string) (found []doctor.Mistake) {
			for _, w := range a.tracked(ctx, lockfile) {
				found = append(found, doctor.Mistake{What: w.Error(), Hint: w.Hint})
			}
			return found
		},
	}
	file, err := o.path()
	if err != nil {
		options.NoManifest, file = err, ""
	}
	if options.Config, err = a.config(&o.manifestFlags, file, api); err != nil {
		return options, err
	}
	options.Config.Notify = nil // the checks say it
	a.files.Protect(reconcile.Files(options.Config, nil))
	if o.offline {
		options.Offline, options.Config.API = "--offline: no request is sent", nil
		return options, nil
	}
	if err := api.start(ctx, cmp.Or(options.Config.Lockfile, file, "secretsync.lock")); err != nil {
		return options, err
	}
	options.Address = api.address
	return options, nil
}

// explain returns what an error says, in terms of the command line.
func (a *App) explain(err error) (found []doctor.Mistake) {
	mistakes, hints := a.complaints(err)
	for _, m := range mistakes {
		what := m.What
		if !m.Pos.IsZero() {
			what = m.Pos.String() + ": " + what
		}
		found = append(found, doctor.Mistake{What: what, Hint: m.Hint})
	}
	if len(found) > 0 && len(hints) > 0 {
		found[0].Hint = cmp.Or(found[0].Hint, hints[0])
	}
	return found
}

// skew is how far the API's clock is ahead of this machine's, if that is known.
func (c *connection) skew() (time.Duration, bool) {
	if s, ok := c.api.(interface{ Skew() (time.Duration, bool) }); ok {
		return s.Skew()
	}
	return 0, false
}

// tokenName is the variable of a token, unless what names it might be a token itself.
func (c *connection) tokenName(tokenEnv string) string {
	switch name := cmp.Or(tokenEnv, connect.TokenVariable); {
	case c.flags.emulator != "":
		return "the emulator's token"
	case strings.ToUpper(name) != name:
		return "the variable that token_env names"
	default:
		return name
	}
}

// stateOf is the file that an emulator reads its state from; empty for none. A command that writes
// nothing does not create it.
func (c *connection) stateOf(file string) string {
	if _, err := os.Lstat(file); c.readOnly && os.IsNotExist(err) {
		return ""
	}
	return file
}
