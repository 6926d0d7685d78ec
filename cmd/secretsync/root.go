package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/spf13/cobra"
)

// app is the program with its surroundings: nothing below main reaches for os.
type app struct {
	std    streams
	env    func(string) (string, bool)
	http   http.RoundTripper // nil for the usual one
	flags  globalFlags
	log    *slog.Logger
	filter *redact.Filter // the last resort on both streams
}

// globalFlags are those of every command.
type globalFlags struct {
	file, lockfile   string
	accountID        string
	apiBaseURL       string
	emulator         string // empty: none
	vars, targets    []string
	adopt            string
	maxDeletes       int  // negative: as the manifest says
	keyless, offline bool // of plan
	values           bool // the command reads values
	strictBindings   bool
	events           bool // of apply, destroy and rotate
	parallelism      int
	requestTimeout   time.Duration
	lockTimeout      time.Duration
	wait             time.Duration
	sopsKeyTypes     []string
	allowCommands    bool
	allowOutside     bool
	allowPlaintext   bool
	logLevel, logFmt string
	noColor          bool
}

// emulatorDefault is what --emulator without a file means.
const emulatorDefault = ".secretsync.emulator.json"

func (a *app) rootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secretsync",
		Short: "Make Cloudflare's Secrets Store what a manifest in git says",
		Long: "secretsync makes Cloudflare's Secrets Store what a manifest in git says: plan shows what\n" +
			"would change, apply does it, drift tells what changed behind git's back.\n\n" + exitCodesHelp,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.startLogging() },
	}
	cmd.CompletionOptions.HiddenDefaultCmd = false
	f := cmd.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&a.flags.file, "file", "f", "", "manifest (default secretsync.yaml, .yml, .toml or .json here)")
	f.StringVar(&a.flags.lockfile, "lockfile", "", "lockfile (default beside the manifest: x.yaml -> x.lock)")
	f.StringVar(&a.flags.accountID, "account-id", "", "Cloudflare account (default CLOUDFLARE_ACCOUNT_ID)")
	f.StringVar(&a.flags.apiBaseURL, "api-base-url", "", "API address (default CLOUDFLARE_API_BASE_URL, else Cloudflare's)")
	f.StringVar(&a.flags.emulator, "emulator", "", "use an embedded emulator, its state in FILE, instead of Cloudflare")
	f.Lookup("emulator").NoOptDefVal = emulatorDefault
	f.StringArrayVar(&a.flags.vars, "var", nil, "set a manifest variable, NAME=VALUE (repeatable)")
	f.StringArrayVar(&a.flags.targets, "target", nil, "limit to secrets that match STORE/SECRET or ACCOUNT/STORE/SECRET, a glob (repeatable)")
	f.StringVar(&a.flags.adopt, "adopt", "", "take over existing secrets of these names: overwrite or keep their values")
	f.IntVar(&a.flags.maxDeletes, "max-deletes", -1, "refuse a plan with more deletions (default: the manifest's safety.max_deletes)")
	f.BoolVar(&a.flags.strictBindings, "strict-bindings", false, "refuse a plan that breaks a Worker's binding (default: the manifest's safety.strict_bindings)")
	f.IntVar(&a.flags.parallelism, "parallelism", 8, "requests under way at once")
	f.DurationVar(&a.flags.requestTimeout, "request-timeout", 30*time.Second, "limit for one request")
	f.DurationVar(&a.flags.lockTimeout, "lock-timeout", 30*time.Second, "how long to wait for another apply to end")
	f.DurationVar(&a.flags.wait, "wait", 30*time.Second, "how long an apply waits for what it wrote to become active; 0 for not at all")
	f.StringSliceVar(&a.flags.sopsKeyTypes, "sops-key-types", nil, "SOPS key types that may be used (default age,pgp)")
	f.BoolVar(&a.flags.allowCommands, "allow-commands", false, "run the manifest's command sources")
	f.BoolVar(&a.flags.allowOutside, "allow-outside", false, "let the manifest name files outside its repository")
	f.BoolVar(&a.flags.allowPlaintext, "allow-plaintext-values", false, "accept values in clear in the manifest, for experiments")
	f.StringVar(&a.flags.logLevel, "log-level", "warn", "debug, info, warn or error")
	f.StringVar(&a.flags.logFmt, "log-format", "text", "text or json")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no colours (also NO_COLOR)")
	cmd.AddCommand(a.initCommand(), a.validateCommand(), a.planCommand(), a.showCommand(), a.applyCommand(), a.driftCommand(), a.destroyCommand(), a.rotateCommand(), a.bindingsCommand(), a.devCommand(), a.importCommand(), a.lockCommand(), a.schemaCommand(), a.emulatorCommand(), a.versionCommand())
	refuseUnknownTopics(cmd)
	return cmd
}

// refuseUnknownTopics makes an unknown help topic an error like any other: cobra
// would print it as it is, and succeed.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = func(_ *cobra.Command, topic []string) error {
				_, _, err := root.Find(topic)
				return err
			}
		}
	}
}

// setting is a flag's value, else the environment's.
func (a *app) setting(flag, variable string) string {
	if flag != "" {
		return flag
	}
	v, _ := a.env(variable)
	return v
}

func (a *app) startLogging() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.flags.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q is none of debug, info, warn, error", a.flags.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
		if attr.Value.Kind() == slog.KindString { // JSON would leave some of it as it is
			attr.Value = slog.StringValue(render.Safe(attr.Value.String()))
		}
		return attr
	}}
	switch a.flags.logFmt {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.std.err, opts))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.std.err, opts))
	default:
		return fmt.Errorf("--log-format %q is neither text nor json", a.flags.logFmt)
	}
	return a.checkFlags()
}

func (a *app) checkFlags() error {
	switch {
	case a.flags.parallelism < 1:
		return fmt.Errorf("--parallelism %d: want at least 1", a.flags.parallelism)
	case a.flags.wait < 0:
		return fmt.Errorf("--wait %s: want 0 or more", a.flags.wait)
	case a.flags.adopt != "" && a.flags.adopt != string(planner.AdoptOverwrite) && a.flags.adopt != string(planner.AdoptKeep):
		return fmt.Errorf("--adopt %q is neither overwrite nor keep", a.flags.adopt)
	}
	for _, glob := range a.flags.targets {
		if _, err := path.Match(glob, ""); err != nil || strings.Count(glob, "/") < 1 || strings.Count(glob, "/") > 2 {
			return fmt.Errorf("--target %q is not a glob like STORE/SECRET, or ACCOUNT/STORE/SECRET", glob)
		}
	}
	return nil
}

// noArgs refuses arguments, and knows the mistake that is easiest to make.
func (a *app) noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s takes no argument, and got %q", cmd.CommandPath(), args[0])
	if a.flags.emulator == emulatorDefault {
		return hint(err, "the emulator's file is given as --emulator="+args[0])
	}
	return hint(err, cmd.CommandPath()+" --help tells what it takes")
}

// options are the limits that flags and manifest set to a plan.
func (s *session) options() planner.Options {
	o := planner.Options{
		Targets: s.flags.targets, MaxDeletes: s.manifest.Safety.MaxDeletes,
		StrictBindings: s.flags.strictBindings || s.manifest.Safety.StrictBindings,
	}
	if s.flags.maxDeletes >= 0 {
		o.MaxDeletes = &s.flags.maxDeletes
	}
	return o
}

// variables reads the --var flags.
func (a *app) variables() (map[string]string, error) {
	vars := map[string]string{}
	for _, v := range a.flags.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--var %q is not NAME=VALUE", v)
		}
		vars[name] = value
	}
	return vars, nil
}
