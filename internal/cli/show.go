package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/spf13/cobra"
)

func (a *App) showCommand() *cobra.Command {
	var format string
	var noColor bool
	cmd := &cobra.Command{
		Use:   "show PLAN",
		Short: "Show a plan file",
		Long: `show prints what plan -o wrote, in any format. It needs no manifest, no
lockfile, no key and no token.

` + exitCodesHelp,
		Args: oneArg("the name of a plan file", "plan -o plan.json writes one; plan alone shows what would change now"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			file, err := readPlan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			a.protectPlan(cmd.Context(), args[0], file)
			if err := a.showPlan(file, format, noColor); err != nil {
				return err
			}
			a.PrintError(problemsOf(file.Plan(), file.Inputs.Manifest))
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", formatHelp)
	registerNoColor(cmd.Flags(), &noColor)
	return cmd
}

// readPlan reads a plan file. It checks the file's type before opening it, because opening
// a device can have side effects. For a pipe that the caller's shell created (apply
// <(...)), it waits for the other end until ctx ends.
func readPlan(ctx context.Context, path string) (*planfile.File, error) {
	switch info, err := os.Stat(path); {
	case err != nil: // readBounded returns the same error
	case !info.Mode().IsRegular() && (info.Mode()&fs.ModeNamedPipe == 0 || !strings.HasPrefix(path, "/dev/fd/")):
		return nil, fmt.Errorf("%s is not a plan file: it is not a regular file", path)
	case info.Size() > planfile.MaxSize:
		return nil, fmt.Errorf("%s is not a plan file: it is larger than %d bytes", path, planfile.MaxSize)
	}
	data, err := readBounded(ctx, path)
	if err != nil {
		err = fmt.Errorf("the plan file: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			err = hint.With(err, "plan -o writes one; in CI, the job of the plan has to hand it on")
		}
		return nil, err
	}
	return planfile.Parse(path, data)
}

// readBounded reads no more than the largest allowed plan file. Its read outlives an
// interrupt, since it cannot be cancelled.
func readBounded(ctx context.Context, path string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, planfile.MaxSize+1))
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
