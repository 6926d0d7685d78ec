package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/secretsync/secretsync/internal/readercache"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// bindingsLiveOptions are the flags of bindings live.
type bindingsLiveOptions struct {
	manifestFlags
	apiFlags
	format           string
	noCache, noColor bool
}

func (a *App) bindingsLiveCommand() *cobra.Command {
	var o bindingsLiveOptions
	cmd := &cobra.Command{
		Use:   "live",
		Short: "List what is deployed and reads each secret",
		Long: `live asks Cloudflare which deployed Workers bind which secrets, those in
dispatch namespaces too, and which AI Gateways and container registries use
them. It lists the secrets of the manifest and the lockfile, including those
that nothing reads, and all others that something reads. plan --live-bindings
names those that a plan breaks.

The token needs the permissions "Workers Scripts Read", "AI Gateway Read" and
"Workers Containers Read". What cannot be read is said, the rest is listed, and
the exit code is 1. Workers that were not deployed since the last run are not
read again: their bindings are kept in the user's cache folder.

` + exitCodesHelp,
		Example: "  secretsync bindings live\n  secretsync bindings live --format json --no-cache",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.bindingsLive(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	f.StringVar(&o.format, "format", results.Text, "text or json")
	f.BoolVar(&o.noCache, "no-cache", false, "read the bindings of all Workers again")
	registerNoColor(f, &o.noColor)
	return cmd
}

func (a *App) bindingsLive(ctx context.Context, o *bindingsLiveOptions) error {
	if o.format != results.Text && o.format != results.JSON {
		return fmt.Errorf("--format %q is neither text nor json", o.format)
	}
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection, func(c *reconcile.Config) {
		if !o.noCache {
			c.ReaderCache = a.readerCache(&o.addressFlags)
		}
	})
	if err != nil {
		return err
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return err
	}
	defer connection.stop()
	found, err := project.Deployment(ctx)
	if err != nil {
		return err
	}
	if o.format == results.JSON {
		err = render.DeploymentJSON(a.Out, found)
	} else {
		err = render.Deployment(a.Out, found, a.style(o.noColor))
	}
	if err != nil {
		return err
	}
	return found.Err()
}

// readerCache returns the cache of what is deployed. It is nil if there is no folder for it, and for
// an embedded emulator, whose address changes with every run.
func (a *App) readerCache(f *addressFlags) reconcile.ReaderCache {
	dir := readercache.Folder(runtime.GOOS, a.env)
	address, _, err := a.address(f)
	if dir == "" || err != nil || f.emulator != "" {
		return nil
	}
	return readercache.Cache{Dir: dir, API: address}
}
