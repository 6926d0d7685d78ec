package cli

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"github.com/secretsync/secretsync/internal/progress"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// progressVariable says how progress is shown unless a flag does.
const progressVariable = "SECRETSYNC_PROGRESS"

// progressFlags say what is written besides results, warnings and errors.
type progressFlags struct {
	progress string
	quiet    bool
}

func (f *progressFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.progress, "progress", "",
		"how progress is shown: auto (live on a terminal), plain (in lines, as for a screen reader) or none (default "+progressVariable+", else auto)")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "only results, warnings and errors: no progress, no line for each action")
}

// startProgress shows progress from now on.
func (a *App) startProgress(f *progressFlags) error {
	mode, err := a.progressMode(f)
	if err != nil || a.view != nil {
		return err
	}
	o := progress.Options{Mode: mode, Out: a.Err}
	if file, ok := terminalOf(a.Err); ok {
		o.FD = int(file.Fd())
		o.Size = func() (width, height int, err error) { return term.GetSize(o.FD) }
	}
	a.view = progress.New(o)
	a.Err = a.view.Writer(a.Err)
	if isTerminal(a.Out) {
		a.Out = a.view.Writer(a.Out)
	}
	if a.executed != nil {
		context.AfterFunc(a.executed.Context(), a.view.Stopping)
	}
	a.view.Start()
	return nil
}

// progressMode is how progress is shown: live only on a terminal that can move its cursor, and that
// someone looks at. Some CI systems give their jobs a terminal, and keep every frame in the log.
func (a *App) progressMode(f *progressFlags) (progress.Mode, error) {
	name, value := "--progress", f.progress
	if value == "" {
		name, value = progressVariable, cmp.Or(a.env(progressVariable), "auto")
	}
	kind := a.env("TERM")
	switch {
	case value != "auto" && value != string(progress.Plain) && value != string(progress.None):
		return "", fmt.Errorf("%s %q is not one of auto, plain and none", name, value)
	case f.quiet:
		return progress.None, nil
	case value != "auto":
		return progress.Mode(value), nil
	case !isTerminal(a.Err), kind == "dumb", kind == "" && runtime.GOOS != "windows", a.env("CI") != "":
		return progress.Plain, nil
	}
	return progress.Live, nil
}
