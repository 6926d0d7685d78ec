// Command controller keeps Cloudflare's Secrets Store as a manifest describes it. Every hour
// it reports drift and applies the manifest.
//
// It is a module of its own that shows, and checks in CI, that the public packages of
// secretsync are enough for a program outside of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g := new(guard)
	if err := run(ctx, g, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", g.filter(err.Error()))
		os.Exit(1)
	}
}

func run(ctx context.Context, g *guard, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: controller MANIFEST")
	}
	api, err := connect.Cloudflare(connect.Options{UserAgent: "controller/1.0"})
	if err != nil {
		return err
	}
	sops, err := connect.SOPS()
	if err != nil {
		return err
	}
	config := reconcile.Config{Manifest: args[0], API: api, SOPS: sops, Guard: g, LockTimeout: time.Minute}
	c := newController(config, slog.Default())
	for {
		if err := c.round(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}

// controller reconciles one manifest.
type controller struct {
	config reconcile.Config
	log    *slog.Logger
	drift  []planner.Drift // of the last round
	report *applier.Report // of the last round
}

func newController(config reconcile.Config, log *slog.Logger) *controller {
	c := &controller{config: config, log: log}
	c.config.Notify = c.notify
	if c.config.API != nil {
		c.config.API = audited{c.config.API, log}
	}
	return c
}

// round reports drift and applies the manifest.
func (c *controller) round(ctx context.Context) (err error) {
	project, err := reconcile.Open(ctx, c.config)
	if err != nil {
		return err
	}
	run, err := project.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	c.drift = nil
	switch drift, err := project.Drift(ctx); {
	case err == nil:
		c.drift = drift.Findings
	case !errors.Is(err, reconcile.ErrNoRecords): // nothing was applied yet
		return err
	}
	for _, d := range c.drift {
		c.log.Warn("drift", "kind", d.Kind, "store", d.Store.Name, "secret", d.Secret)
	}
	proposal, err := run.Plan(ctx)
	if err != nil {
		return err
	}
	defer proposal.Close()
	c.report, err = run.Apply(ctx, proposal)
	return err
}

// notify logs events.
func (c *controller) notify(e reconcile.Event) {
	switch e := e.(type) {
	case reconcile.ActionDone:
		c.log.Info("action", "op", e.Result.Action.Op, "secret", e.Result.Action.Secret, "outcome", e.Result.Outcome)
	case reconcile.ManifestWarning:
		c.log.Warn("manifest", "position", e.Mistake.Pos, "mistake", e.Mistake.What)
	}
}
