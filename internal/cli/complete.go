package cli

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/complete"
	"github.com/secretsync/secretsync/internal/results"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completer returns what may follow on the command line.
type completer = cobra.CompletionFunc

// completions are registered only for a run that completes: no other run pays for them.
type completions struct {
	app *App
	// flags are by the flag's name, or by "COMMAND --FLAG" where commands differ.
	flags map[string]completer
	// args are by the command's path below the root.
	args map[string]completer
}

// completing reports whether a shell runs the program to complete a command line.
func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

func (a *App) completions() completions {
	c := completions{app: a}
	secrets := c.from(func(p complete.Project) []string { return p.Secrets })
	anyFile := files()
	c.flags = map[string]completer{
		"file": files("yaml", "yml", "toml", "json"), "lockfile": files("lock"), "from-env": anyFile, "sops": anyFile,
		"emulator": files("json"), "state": files("json"), "metrics-file": files("prom"), "html": files("html"), "notify-state": files("json"), "out": anyFile,
		"persist-to": folders, "path": anyFile,
		"account-id": c.from(func(p complete.Project) []string { return p.Accounts }),
		"target":     secrets,
		"store":      c.from(func(p complete.Project) []string { return p.Labels }),
		"worker":     c.from(func(p complete.Project) []string { return p.Workers }),
		"adopt":      words(string(planner.AdoptOverwrite), string(planner.AdoptKeep), string(planner.AdoptVerify)),
		"log-level":  words("debug", "info", "warn", "error"), "log-format": words("text", "json"),
		"sops-key-types":       words("age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"),
		"name-conflict-status": words("400", "409"),

		"format":                     words(results.Formats...),
		"validate --format":          words(results.ValidateFormats...),
		"bindings generate --format": words(append(slices.Clone(wrangler.Formats), formatModule)...),
		"bindings live --format":     words(results.Text, results.JSON), "lock status --format": words(results.Text, results.JSON), "doctor --format": words(results.Text, results.JSON), "report --format": words(results.Text, results.JSON),
	}
	plans := files("json")
	c.args = map[string]completer{
		"apply": plans, "show": once(plans), "import": anyFile, "lock merge": anyFile, "dev run": anyFile,
		"rotate":      once(c.from(func(p complete.Project) []string { return p.Generated })),
		"lock accept": secrets, "verify": secrets, "schema": once(words("manifest", "plan")),
	}
	return c
}

// register adds the completions to a command and all below it. A flag or an argument that has none
// completes nothing, rather than the names of files.
func (c completions) register(cmd *cobra.Command) {
	path := strings.TrimPrefix(cmd.CommandPath(), "secretsync ")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		complete := c.flags[path+" --"+f.Name]
		if complete == nil {
			complete = c.flags[f.Name]
		}
		if complete == nil {
			complete = cobra.NoFileCompletions
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails only for a flag that does not exist
	})
	if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil {
		cmd.ValidArgs, cmd.ValidArgsFunction = nil, cobra.NoFileCompletions
		if complete := c.args[path]; complete != nil {
			cmd.ValidArgsFunction = complete
		}
	}
	for _, sub := range cmd.Commands() {
		c.register(sub)
	}
}

// from completes names of the project that the flags on the command line describe.
func (c completions) from(names func(complete.Project) []string) completer {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, more := complete.Words(names(c.app.completed(cmd)), typed)
		if more {
			return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completed is the project that the flags typed so far describe.
func (a *App) completed(cmd *cobra.Command) complete.Project {
	f := manifestFlags{}
	f.file, _ = cmd.Flags().GetString("file") // what a command does not have is empty
	f.lockfile, _ = cmd.Flags().GetString("lockfile")
	f.vars, _ = cmd.Flags().GetStringArray("var")
	f.allow.Outside, _ = cmd.Flags().GetBool("allow-outside")
	file, err := f.path()
	if err != nil {
		return complete.Project{}
	}
	vars, _ := f.variables() // a mistake is reported when the command runs
	return complete.Read(cmd.Context(), reconcile.Config{
		Manifest: file, Lockfile: f.lockfile, Vars: vars, Allow: f.allow, LookupEnv: a.LookupEnv,
	})
}

// once completes the first argument only.
func once(c completer) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, typed)
	}
}

// words completes fixed words.
func words(all ...string) completer {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, _ := complete.Words(all, typed)
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// files completes names of files, with one of the extensions if there are any.
func files(extensions ...string) completer {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(extensions) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
