// Package cli is the command line: flags, wiring, output and exit codes. A file has one command
// or closely related ones: destroy and rotate are with apply, show with plan.
// Package reconcile does the work; package render words the results.
//
// The main flow reads from top to bottom in apply.go.
package cli

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/secretsync/secretsync/internal/buildinfo"
	"github.com/secretsync/secretsync/internal/cmdline"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/progress"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/manifest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// App is the program and its environment: nothing below [Main] uses package os for it.
type App struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)
	// Transport sends the requests; nil means the default transport.
	Transport http.RoundTripper
	// Filter is the last line of defence in front of both outputs. Log receives the
	// requests. Run sets both.
	Filter *redact.Filter
	Log    *slog.Logger

	files    outfile.Guard     // what no output may replace
	shown    bool              // a result was shown, which need not be complete
	warnings []*manifest.Error // about the manifest
	executed *cobra.Command    // nil until it runs
	view     *progress.View    // nil for a command that sends no requests
}

// Main runs the program as a process of its own, and returns its exit code.
func Main() int {
	// net/http writes to the standard logger: with GODEBUG=http2debug=2 it logs every
	// header and body, including the token and the values. Discard it.
	log.SetOutput(io.Discard)
	// The first signal ends the work cleanly. After it, Go's default handling is restored,
	// so a second signal exits immediately.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as by nohup
		signals = append(signals, syscall.SIGHUP) // the terminal was closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	// A reader that closes the output early, such as head, must not end an apply midway:
	// with SIGPIPE caught, writes fail instead, and the exit code reports it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}
	return a.Run(ctx, os.Args[1:])
}

// Run runs the program with the given arguments, and returns its exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	a.FilterOutput()
	cmd := a.Command()
	cmd.SetArgs(args)
	cmd.SetIn(a.In)
	cmd.SetOut(a.Out)
	cmd.SetErr(a.Err)
	refuseUnknownShells(cmd)         // the completion command writes to the output of this moment
	defer func() { a.view.Stop() }() // even if it panics
	if completing(args) {
		a.completions().register(cmd)
	}
	executed, err := cmd.ExecuteContextC(ctx)
	a.view.Stop()
	a.PrintError(err)
	a.PrintError(a.reportFailure(ctx, executed, args, err))
	return a.Finish(exitCode(err))
}

// Command returns the program's root command with all its subcommands.
func (a *App) Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secretsync",
		Short: "Manage Cloudflare's Secrets Store from a manifest in git",
		Long: "secretsync makes Cloudflare's Secrets Store match a manifest in git: plan shows\n" +
			"what would change, apply changes it, and drift reports what changed outside git.\n\n" + exitCodesHelp,
		Version:      buildinfo.Line(),
		SilenceUsage: true, SilenceErrors: true, PersistentPreRun: a.remember,
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.CompletionOptions.HiddenDefaultCmd = false
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return hint.With(err, c.CommandPath()+" --help lists its flags")
	})
	cmd.AddCommand(
		a.initCommand(),
		a.validateCommand(),
		a.planCommand(),
		a.showCommand(),
		a.applyCommand(),
		a.driftCommand(),
		a.verifyCommand(),
		a.doctorCommand(),
		a.reportCommand(),
		a.destroyCommand(),
		a.rotateCommand(),
		a.bindingsCommand(),
		a.devCommand(),
		a.setCommand(),
		a.importCommand(),
		a.lockCommand(),
		a.schemaCommand(),
		a.emulatorCommand(),
		a.versionCommand(),
	)
	formatHelpFlags(cmd)
	refuseUnknownTopics(cmd)
	return cmd
}

// remember keeps the command for [App.line].
func (a *App) remember(cmd *cobra.Command, _ []string) { a.executed = cmd }

// line is a command of secretsync that can be pasted, with the flags of the running command.
func (a *App) line(words ...string) string { return cmdline.Line(a.executed, words...) }

// otherLine is like line, but does not repeat the running command's flags if the names are the same.
func (a *App) otherLine(words ...string) string { return cmdline.Other(a.executed, words...) }

// refuseUnknownTopics makes an unknown help topic an ordinary error: cobra would print the
// topic unescaped, and succeed.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = func(_ *cobra.Command, topic []string) error {
				found, rest, err := root.Find(topic)
				if err == nil && len(rest) > 0 && found.HasSubCommands() {
					return unknownCommand(found, rest[0])
				}
				return err
			}
		}
	}
}

// refuseUnknownShells makes an unknown shell an error: cobra's completion command would show
// its help, and succeed.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			group(c)
		}
	}
}

// group turns cmd into a group of subcommands: without one it shows its help, and an unknown
// subcommand is an error.
func group(cmd *cobra.Command, sub ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(sub...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(c, args[0])
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return cmd
}

// unknownCommand is the error about a subcommand that a group does not have.
func unknownCommand(group *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q for %q", name, group.CommandPath())
	if similar := group.SuggestionsFor(name); len(similar) > 0 {
		return hint.With(err, "did you mean "+strings.Join(similar, " or ")+"?")
	}
	return hint.With(err, group.CommandPath()+" --help lists its commands")
}

// oneArg requires one argument, and says what it is.
func oneArg(what, todo string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return hint.With(fmt.Errorf("%s needs %s", cmd.CommandPath(), what), todo)
		case 1:
			return nil
		}
		return hint.With(fmt.Errorf("%s takes one argument, but got %d", cmd.CommandPath(), len(args)), todo)
	}
}

// noArgs refuses arguments, and gives a hint about the most likely mistake.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
	if f := cmd.Flags().Lookup("emulator"); f != nil && f.Value.String() == emulatorDefault {
		return hint.With(err, "to name the emulator's file, use "+shell.Word("--emulator="+args[0]))
	}
	return hint.With(err, cmd.CommandPath()+" --help lists its flags")
}

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  secretsync version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.Out, buildinfo.Line())
			return err
		},
	}
}

// helpWidth is the width that help fits in, the default width of a terminal.
const helpWidth = 80

// Several programs may start concurrently, but cobra keeps one global table of template
// functions.
func init() { cobra.AddTemplateFunc("describe", describeFlags) }

// formatHelpFlags makes the help of all commands describe each flag below its name: in two
// columns, names and descriptions do not fit.
func formatHelpFlags(root *cobra.Command) {
	usage := strings.NewReplacer(
		".LocalFlags.FlagUsages | trimTrailingWhitespaces", "describe .LocalFlags",
		".InheritedFlags.FlagUsages | trimTrailingWhitespaces", "describe .InheritedFlags",
	).Replace(root.UsageTemplate())
	root.SetUsageTemplate(usage)
}

// describeFlags returns the help text of some flags.
func describeFlags(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		value, text := pflag.UnquoteUsage(f)
		switch {
		case value == "":
		case f.NoOptDefVal != "":
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		if d := f.DefValue; !strings.Contains(text, "default") && !zero[d] {
			text += " (default " + d + ")"
		}
		fmt.Fprintf(&b, "%s\n%s", name, wrap(text, "          "))
	})
	return strings.TrimSuffix(b.String(), "\n")
}

// zero are the default values that help does not show.
var zero = map[string]bool{"": true, "false": true, "0": true, "0s": true, "[]": true}

// wrap breaks a text into lines that fit in the help, each with the indentation.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > helpWidth && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
