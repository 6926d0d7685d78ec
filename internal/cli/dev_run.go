package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
)

// devVariable is the environment variable in which dev run hands the values to a command.
const devVariable = "SECRETSYNC_DEV_VALUES"

// runEndsWithin is how long the command of dev run may take to end after an interrupt.
const runEndsWithin = 10 * time.Second

func (a *App) devRunCommand() *cobra.Command {
	var flags workersFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT]...",
		Short: "Run a command, such as Vitest, with the secrets that Workers bind",
		Long: `run runs a command with the values of the secrets that Workers bind in the
environment variable ` + devVariable + `, and stores nothing. It is for
Vitest, whose storage is its own.
The variable holds JSON, the values by the name of the Worker and of the
binding: {"shop": {"STRIPE_KEY": "..."}}. Every program that the command starts
can read it.

If the output is not a terminal, values in it are withheld. The exit code is
the command's.

` + exitCodesHelp,
		Example: "  secretsync dev run -- npx vitest\n  secretsync dev run --worker apps/api/wrangler.jsonc -- npm test",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint.With(errors.New("which command? None is given"), "for example secretsync dev run -- npx vitest")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.devRun(cmd.Context(), &flags, args) },
	}
	f := cmd.Flags()
	flags.register(f)
	f.SetInterspersed(false) // the command's flags are its own
	return cmd
}

func (a *App) devRun(ctx context.Context, flags *workersFlags, args []string) error {
	w, configs, values, err := a.boundValues(ctx, flags)
	if err != nil {
		return err
	}
	defer wipe(values)
	byWorker, err := a.valuesByWorker(w, configs, values)
	if err != nil {
		return err
	}
	data, err := json.Marshal(byWorker)
	if err != nil {
		return errors.New("a value cannot be written as JSON") // the error could quote it
	}
	defer clear(data)
	return a.runWith(ctx, args, devVariable+"="+string(data), values)
}

// valuesByWorker returns the values by the name of the Worker, as it is deployed, and of the
// binding.
func (a *App) valuesByWorker(w *workers, configs []*wrangler.Config, values map[manifest.SecretRef]secret.Value) (map[string]map[string]string, error) {
	all, from := map[string]map[string]string{}, map[string]string{}
	for _, c := range configs {
		bound, warnings := w.bindings.BoundValues(c, values)
		for _, warning := range warnings {
			a.Say("warning: %s", warning)
		}
		for _, b := range bound {
			name := cmp.Or(b.Worker, c.File)
			if first, twice := from[name]; twice && first != c.File {
				return nil, hint.With(fmt.Errorf("%s and %s are both the Worker %q", first, c.File, name), "choose one of them with --worker")
			}
			if from[name] = c.File; all[name] == nil {
				all[name] = map[string]string{}
			}
			all[name][b.Binding] = string(b.Value.Reveal())
		}
	}
	return all, nil
}

// runWith runs a command with a variable in its environment. Where its output is no terminal,
// the values are withheld from it.
func (a *App) runWith(ctx context.Context, args []string, variable string, values map[manifest.SecretRef]secret.Value) error {
	filter := redact.New() // its hits are not ours
	for _, v := range values {
		filter.Know(v)
	}
	output := func(w io.Writer) io.Writer {
		if isTerminal(w) {
			return redact.Unwrap(w)
		}
		return filter.Writer(redact.Unwrap(w))
	}
	if err := a.Filter.Flush(); err != nil {
		return err
	}
	cmd := a.command(ctx, args)
	cmd.Env = append(cmd.Environ(), variable)
	cmd.Stdout, cmd.Stderr = output(a.Out), output(a.Err)
	err := cmd.Run()
	if flushed := filter.Flush(); err == nil {
		err = flushed
	}
	if n := filter.Hits(); n > 0 {
		a.Say("values of secrets in the output of %s were withheld: %d times", args[0], n)
	}
	filter.Forget()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return commandError(args[0], err)
}

// command is a command that gets what is typed, and time to end after an interrupt.
func (a *App) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.WaitDelay = a.In, runEndsWithin
	cmd.Cancel = func() error {
		if isTerminal(a.In) {
			return nil // the terminal has interrupted it too
		}
		if cmd.Process.Signal(syscall.SIGTERM) == nil {
			return nil
		}
		return cmd.Process.Kill() // Windows has no signals
	}
	return cmd
}

// commandError is how a command ended, as the end of this program.
func commandError(name string, err error) error {
	switch exit, failed := errors.AsType[*exec.ExitError](err); {
	case failed && exit.ExitCode() > 0:
		return &status{code: exit.ExitCode()}
	case failed:
		return fmt.Errorf("%s was killed: %s", name, exit.ProcessState)
	case errors.Is(err, syscall.E2BIG):
		return hint.With(fmt.Errorf("%s could not be started: the values are too long for one environment variable", name),
			"on Linux, that is 128 KiB for the values of all Workers: choose fewer Workers with --worker, or shorter values for tests")
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // it has ended, and left something behind that holds the output open
		return fmt.Errorf("%s could not be run: %w", name, err)
	}
	return nil
}
