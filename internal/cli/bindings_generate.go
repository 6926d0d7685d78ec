package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/workermodule"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/spf13/cobra"
)

// generateOptions are the flags of bindings generate.
type generateOptions struct {
	manifestFlags
	addressFlags
	targetFlags
	worker, env, format string
	write               bool
	out                 string
	check               bool
}

func (a *App) bindingsGenerateCommand() *cobra.Command {
	var o generateOptions
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Print the bindings for a Worker's configuration, or write them",
		Long: `generate prints secrets_store_secrets for the secrets that Workers may use,
limited by --target, or the TypeScript type of env. With --worker, existing
bindings of that file keep their names and get current store ids and secret
names. --write changes the file, and keeps everything else in it, comments
included.

--format module prints a TypeScript module that reads the secrets which the
worker's file binds by their names in the manifest: secretsStore(env).get(name).
-o writes it to a file, and --check fails if that file is not up to date. It
serves all environments of the worker's file, unless --env names one.

` + exitCodesHelp,
		Example: `  secretsync bindings generate --target '*/stripe-*'
  secretsync bindings generate --worker apps/api/wrangler.jsonc --write
  secretsync bindings generate --worker apps/api/wrangler.jsonc \
    --format module -o apps/api/src/secrets-store.ts`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.targetFlags.check(); err != nil {
				return err
			}
			if err := o.checkFormat(); err != nil {
				return err
			}
			w, err := a.workers(cmd.Context(), &o.manifestFlags)
			if err != nil {
				return err
			}
			if o.worker != "" {
				if err := a.mistakesOf(w, o.worker); err != nil {
					return err
				}
			}
			if o.format == formatModule {
				return a.generateModule(w, &o, !cmd.Flags().Changed("env"))
			}
			return a.generateBindings(w, &o, !cmd.Flags().Changed("env"))
		},
	}
	f := cmd.Flags()
	o.manifestFlags.register(f)
	o.addressFlags.register(f)
	o.targetFlags.register(f)
	f.StringVar(&o.worker, "worker", "", "a wrangler configuration that the manifest's workers: list names")
	f.StringVar(&o.env, "env", "", "the environment of that configuration (default: the one that workers: names, else its top level; for a module, all)")
	f.StringVar(&o.format, "format", "", "toml, jsonc, types or module (default: as the worker's file, else jsonc)")
	f.BoolVar(&o.write, "write", false, "write the bindings into the worker's file")
	f.StringVarP(&o.out, "out", "o", "", "write the module to this file")
	f.BoolVar(&o.check, "check", false, "fail if the file of -o is not up to date, and do not write it")
	return cmd
}

// checkFormat reports flags that contradict each other.
func (o *generateOptions) checkFormat() error {
	module := o.format == formatModule
	switch {
	case o.write && o.format != "":
		return errors.New("--write and --format exclude each other: the file's own format is used")
	case o.format != "" && !module && !slices.Contains(wrangler.Formats, o.format):
		return fmt.Errorf("format %q is not one of %s, %s", o.format, strings.Join(wrangler.Formats, ", "), formatModule)
	case o.out != "" && !module:
		return errors.New("-o needs --format module")
	case o.check && o.out == "":
		return errors.New("--check needs -o, the file to check")
	case module && o.worker == "":
		return errors.New("--format module needs --worker, the file whose bindings the module reads")
	case module && len(o.targets) > 0:
		return errors.New("--format module and --target exclude each other: the module has what the worker's file binds")
	}
	return nil
}

// generateBindings prints or writes the bindings. anyEnv is true if --env was not given.
func (a *App) generateBindings(w *workers, o *generateOptions, anyEnv bool) error {
	env, file, err := chosenEnvironment(w, o, anyEnv)
	if err != nil {
		return err
	}
	a.warnOfEmulator(w, &o.addressFlags)
	want, err := w.bindings.Wanted(env, o.targets)
	switch {
	case err != nil:
		return err
	case o.write:
		return a.writeBindings(w, file, env.Name, want)
	}
	a.sayUnsafe(want, o.format)
	format := o.format
	if format == "" {
		format = "jsonc"
		if filepath.Ext(file) == ".toml" {
			format = "toml"
		}
	}
	text, err := wrangler.Format(format, env.Name, want)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.Out, text)
	return err
}

// sayUnsafe says which bindings the printed block leaves out, because they are elsewhere in the
// file.
func (a *App) sayUnsafe(bindings []wrangler.Binding, format string) {
	for _, b := range bindings {
		if b.Unsafe && format != "types" {
			a.Say("note: %s: the binding %s stays under unsafe.bindings, and is not printed", b.Pos, b.Binding)
		}
	}
}

// chosenEnvironment returns the environment that the flags name, and its file. Both are
// empty if the flags name none.
func chosenEnvironment(w *workers, o *generateOptions, anyEnv bool) (env wrangler.Environment, file string, err error) {
	switch {
	case o.worker != "":
	case o.write:
		return env, "", errors.New("--write needs --worker, the file to write into")
	case o.env != "":
		return env, "", errors.New("--env needs --worker, the file that has it")
	default:
		return env, "", nil
	}
	c, err := workerConfig(w, o.worker)
	if err != nil {
		return env, "", err
	}
	if err := c.PagesError(); err != nil {
		return env, "", err
	}
	name := o.env
	if envs := c.Environments; anyEnv && len(envs) > 0 && !slices.ContainsFunc(envs, func(e wrangler.Environment) bool { return e.Name != envs[0].Name }) {
		name = envs[0].Name
	}
	i := slices.IndexFunc(c.Environments, func(e wrangler.Environment) bool { return e.Name == name })
	if i < 0 {
		return env, "", hint.With(fmt.Errorf("%s has no environment %q among those that workers: names", c.File, name),
			"name one with --env, or set the manifest's variables with --var")
	}
	return c.Environments[i], c.File, nil
}

// workerConfig returns the configuration with the given path.
func workerConfig(w *workers, file string) (*wrangler.Config, error) {
	c := w.bindings.Config(file)
	if c == nil {
		return nil, hint.With(fmt.Errorf("%s is not one of the manifest's Workers", file), "add it to workers:")
	}
	return c, nil
}

func (a *App) writeBindings(w *workers, file, env string, want []wrangler.Binding) error {
	if err := a.checkWorker(file); err != nil {
		return err
	}
	changed, err := w.bindings.Write(file, env, want)
	switch {
	case err != nil:
		return err
	case !changed:
		_, err = fmt.Fprintf(a.Out, "%s is up to date: bindings %d.\n", file, len(want))
	default:
		_, err = fmt.Fprintf(a.Out, "Wrote %s: bindings %d.\n", file, len(want))
		a.sayRedirect(file)
	}
	return err
}

// formatModule is the format of bindings generate that is a TypeScript module.
const formatModule = "module"

// moduleOut is the file that a module is to be written to.
func moduleOut(path string) outfile.File {
	return outfile.File{Flag: "-o", Path: path, Kind: "module of secretsync", IsKind: workermodule.Is, Stdout: "without -o the module is printed"}
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
	if err := c.PagesError(); err != nil {
		return err
	}
	m, warnings, err := w.bindings.Module(c, envs)
	for _, warning := range warnings {
		a.Say("warning: %s", warning)
	}
	switch {
	case errors.Is(err, bindings.ErrUnbound):
		add := []string{"bindings", "generate", "--worker", shell.File(c.File), "--write"}
		if o.env != "" {
			add = append(add, "--env", shell.Word(o.env))
		}
		return hint.With(err, a.otherLine(add...)+" adds bindings")
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
	if err := a.files.Check(moduleOut(file)); err != nil {
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
	if err := a.files.Write(moduleOut(file), []byte(m.Format())); err != nil {
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
