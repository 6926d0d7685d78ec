package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/spf13/cobra"
)

func (a *app) showCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show PLAN",
		Short: "Show a plan file",
		Long: "show prints what plan -o wrote, in any format. It needs no manifest, no lockfile, no key and no token.\n\n" +
			exitCodesHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			file, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return a.showPlan(file, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", formatHelp)
	return cmd
}

// readPlan reads a plan file.
func readPlan(path string) (*planfile.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the plan file: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a plan file: it is not a regular file", path), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, planfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("the plan file: %w", err)
	}
	return planfile.Parse(path, data)
}
