package devvalues

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
)

// Variable is the environment variable in which [Local.Run] hands the values to a command.
const Variable = "SECRETSYNC_DEV_VALUES"

// endsWithin is how long the command may take to end after an interrupt.
const endsWithin = 10 * time.Second

// Command is a command to run, and its streams. A filter in front of them is not used.
type Command struct {
	Args     []string
	In       io.Reader
	Out, Err io.Writer
	// IsTerminal reports whether a stream is a terminal: there, values are not withheld.
	IsTerminal func(stream any) bool
}

// ExitError is the exit code of a command that failed.
type ExitError struct{ Code int }

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// Run runs a command with the values that some configurations bind, as JSON in [Variable].
func (l *Local) Run(ctx context.Context, c Command, configs []*wrangler.Config, values map[manifest.SecretRef]secret.Value) error {
	byWorker, err := l.valuesByWorker(configs, values)
	if err != nil {
		return err
	}
	data, err := json.Marshal(byWorker)
	if err != nil {
		return errors.New("a value cannot be written as JSON") // the error could quote it
	}
	defer clear(data)
	return l.runWith(ctx, c, Variable+"="+string(data), values)
}

// valuesByWorker returns the values by the name of the Worker, as it is deployed, and of the
// binding.
func (l *Local) valuesByWorker(
	configs []*wrangler.Config, values map[manifest.SecretRef]secret.Value,
) (map[string]map[string]string, error) {
	all, from := map[string]map[string]string{}, map[string]string{}
	for _, c := range configs {
		bound, warnings := l.Bindings.BoundValues(c, values)
		for _, warning := range warnings {
			l.Say("warning: %s", warning)
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

// runWith runs a command with a variable in its environment. If its output is not a terminal,
// the values are withheld from it.
func (l *Local) runWith(ctx context.Context, c Command, variable string, values map[manifest.SecretRef]secret.Value) error {
	filter := redact.New() // its hits are not ours
	for _, v := range values {
		filter.Know(v)
	}
	output := func(w io.Writer) io.Writer {
		if c.IsTerminal(w) {
			return redact.Unwrap(w)
		}
		return filter.Writer(redact.Unwrap(w))
	}
	if err := l.Filter.Flush(); err != nil {
		return err
	}
	cmd := c.command(ctx)
	cmd.Env = append(cmd.Environ(), variable)
	cmd.Stdout, cmd.Stderr = output(c.Out), output(c.Err)
	err := cmd.Run()
	if flushed := filter.Flush(); err == nil {
		err = flushed
	}
	if n := filter.Hits(); n > 0 {
		l.Say("values of secrets in the output of %s were withheld: %d times", c.Args[0], n)
	}
	filter.Forget()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return commandError(c.Args[0], err)
}

// command is a command that reads the terminal, and gets time to end after an interrupt.
func (c *Command) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Stdin, cmd.WaitDelay = c.In, endsWithin
	cmd.Cancel = func() error {
		if c.IsTerminal(c.In) {
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
		return &ExitError{exit.ExitCode()}
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
