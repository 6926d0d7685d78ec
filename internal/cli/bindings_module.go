package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/workermodule"
	"github.com/secretsync/secretsync/internal/wrangler"
)

// formatModule is the format of bindings generate that is a TypeScript module.
const formatModule = "module"

// moduleOut is the file that a module is to be written to.
func moduleOut(path string) outFile {
	return outFile{flag: "-o", path: path, kind: "module of secretsync", isKind: workermodule.Is, stdout: "without -o the module is printed"}
}

// generateModule prints the module of a Worker, writes it to a file, or compares it with that
// file. The module serves all environments if anyEnv is true, or else the one of --env.
func (a *App) generateModule(w *workers, o *generateOptions, anyEnv bool) error {
	if err := a.checkModuleFile(o.out); err != nil {
		return err
	}
	c, err := workerConfig(w, o.worker)
	if err != nil {
		return err
	}
	envs := c.Environments
	if !anyEnv {
		env, _, err := chosenEnvironment(w, o, anyEnv)
		if err != nil {
			return err
		}
		envs = []wrangler.Environment{env}
	}
	m, warnings, err := w.bindings.Module(c, envs)
	for _, warning := range warnings {
		a.Say("warning: %s", warning)
	}
	switch {
	case err != nil:
		return err
	case o.check:
		return a.checkModule(o, m)
	case o.out != "":
		return a.writeModule(o.out, m)
	}
	_, err = fmt.Fprint(a.Out, m.Format())
	return err
}

// checkModuleFile reports why the file of -o cannot be a module.
func (a *App) checkModuleFile(file string) error {
	if file == "" {
		return nil
	}
	if err := a.checkOut(moduleOut(file)); err != nil {
		return err
	}
	if ext := filepath.Ext(file); ext != ".ts" && ext != ".mts" {
		return hint.With(fmt.Errorf("-o %s: the module is TypeScript, and needs the extension .ts", file),
			"a Worker in JavaScript imports it too: wrangler and Vite bundle both")
	}
	return nil
}

func (a *App) writeModule(file string, m workermodule.Module) error {
	old, err := os.ReadFile(file)
	if err == nil && workermodule.Same(old, m.Format()) {
		_, err = fmt.Fprintf(a.Out, "%s is up to date: secrets %d.\n", file, m.Count())
		return err
	}
	if err := a.writeOut(moduleOut(file), []byte(m.Format())); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "Wrote %s: secrets %d.\n", file, m.Count())
	return err
}

// checkModule fails if the file of -o is not the module.
func (a *App) checkModule(o *generateOptions, m workermodule.Module) error {
	old, err := os.ReadFile(o.out)
	what := "is not up to date with the manifest and " + o.worker
	switch {
	case errors.Is(err, fs.ErrNotExist):
		what = "does not exist"
	case err != nil:
		return fmt.Errorf("-o %s: %w", o.out, err)
	case workermodule.Same(old, m.Format()):
		_, err = fmt.Fprintf(a.Out, "%s is up to date: secrets %d.\n", o.out, m.Count())
		return err
	}
	return hint.With(fmt.Errorf("%s %s", o.out, what), "run the command without --check")
}
