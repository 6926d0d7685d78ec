package cli

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/report"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

// reportOptions are the flags of report.
type reportOptions struct {
	manifestFlags
	apiFlags
	verifyFlag
	format, html      string
	who, liveBindings bool
}

func (a *App) reportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Give an overview of all secrets, as a page to look at",
		Long: `report lists all secrets with their state, the age of their values, when they
are due for rotation, where they come from, and what reads them. --html writes
it as one page that needs no network, to look at, to search and to print. It has
names and times, and no values.

It reads no values and needs no decryption key; a token with the permission
"Secrets Store Read" is enough. It asks for the secrets of each store, as drift
does, and for the quota of each account. What it does not know it says. Drift
does not change the exit code; if an account could not be read, that is 1.

--verify has a Worker compare all live values with those that were applied. It
needs the fingerprint key, and the permissions that the verify command needs.

` + exitCodesHelp,
		Example: "  secretsync report --html report.html\n  secretsync report --html report.html --who --live-bindings",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.report(cmd, &o) },
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.apiFlags.register(f)
	o.verifyFlag.register(f)
	registerWho(f, &o.who)
	f.BoolVar(&o.liveBindings, "live-bindings", false,
		"list the deployed Workers, AI Gateways and container registries that read secrets, too; needs the permissions "+readersPermissions)
	f.StringVar(&o.html, "html", "", "write a page to this file; nothing is printed then without --format")
	f.StringVar(&o.format, "format", results.Text, "text or json")
	return cmd
}

// openReport opens the project that the flags name.
func (a *App) openReport(ctx context.Context, o *reportOptions) (*connection, *reconcile.Project, error) {
	if o.format != results.Text && o.format != results.JSON {
		return nil, nil, fmt.Errorf("--format %q is neither text nor json", o.format)
	}
	connection, err := a.connect(&o.apiFlags)
	if err != nil {
		return nil, nil, err
	}
	project, err := a.project(ctx, &o.manifestFlags, connection, o.verifyFlag.configure, func(c *reconcile.Config) {
		c.Who, c.LiveBindings = o.who, o.liveBindings
		if o.liveBindings {
			c.ReaderCache = a.readerCache(&o.addressFlags)
		}
	})
	return connection, project, err
}

func (a *App) report(cmd *cobra.Command, o *reportOptions) error {
	ctx := cmd.Context()
	connection, project, err := a.openReport(ctx, o)
	if err != nil {
		return err
	}
	if o.html != "" {
		if err := a.files.Check(pageOut(o.html)); err != nil {
			return err
		}
	}
	if err := connection.start(ctx, project.LocalLockfile()); err != nil {
		return err
	}
	defer connection.stop()
	inv, err := project.Inventory(ctx)
	if err != nil {
		return err
	}
	manifest := project.Manifest().File
	r := report.New(inv, manifest, a.origin(ctx, manifest), report.Asked{Who: o.who, Verify: o.verify, LiveBindings: o.liveBindings})
	if o.html != "" {
		if err := a.writePage(r, o.html); err != nil {
			return err
		}
	}
	if o.html == "" || cmd.Flags().Changed("format") {
		if err := a.showReport(r, o.format); err != nil {
			return err
		}
	}
	return inv.Unreachable
}

// showReport writes a report to stdout.
func (a *App) showReport(r *report.Report, format string) error {
	a.shown = true
	if format == results.JSON {
		return r.JSON(a.Out)
	}
	return r.Text(a.Out)
}

// pageOut is the file of --html.
func pageOut(path string) outfile.File {
	return outfile.File{Flag: "--html", Path: path, Kind: "report of secretsync", IsKind: report.IsHTML}
}

// writePage writes a report as a page.
func (a *App) writePage(r *report.Report, path string) error {
	page, err := r.HTML(a.Filter.Text)
	if err != nil {
		return err
	}
	if err := a.files.Write(pageOut(path), page); err != nil {
		return err
	}
	a.inform("wrote %s: %s", path, r.Summary())
	return nil
}
