package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/buildinfo"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/progress"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// emulatorDefault is the value of --emulator given without a file. emulatorToken is the
// token for an emulator, which never receives a real one.
const (
	emulatorDefault = ".secretsync.emulator.json"
	emulatorToken   = "emulator"
)

// addressFlags select the API.
type addressFlags struct{ baseURL, emulator string }

func (f *addressFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.baseURL, "api-base-url", "", "API address (default CLOUDFLARE_API_BASE_URL, else Cloudflare's)")
	fs.StringVar(&f.emulator, "emulator", "", "use an embedded emulator, its state in FILE, instead of Cloudflare")
	fs.Lookup("emulator").NoOptDefVal = emulatorDefault
}

// address returns the API's address, and whether it is on this machine.
func (a *App) address(f *addressFlags) (address string, loopback bool, err error) {
	if f.emulator != "" {
		return "", true, nil
	}
	address = a.setting(f.baseURL, "CLOUDFLARE_API_BASE_URL")
	if address == "" {
		address, err = connect.RegionURL(a.setting("", "CLOUDFLARE_COMPLIANCE_REGION"))
		return address, false, hint.With(err, "correct CLOUDFLARE_COMPLIANCE_REGION, or set --api-base-url")
	}
	u, parseErr := url.Parse(address)
	return address, parseErr == nil && cloudflare.IsLoopback(u.Hostname()), nil
}

// apiFlags are the flags of every command that sends requests to the API.
type apiFlags struct {
	addressFlags
	requestFlags
	progressFlags
}

func (f *apiFlags) register(fs *pflag.FlagSet) {
	f.addressFlags.register(fs)
	f.requestFlags.register(fs)
	f.progressFlags.register(fs)
}

// requestFlags say how to send requests.
type requestFlags struct {
	parallelism         int
	timeout             time.Duration
	logLevel, logFormat string
}

func (f *requestFlags) register(fs *pflag.FlagSet) {
	fs.IntVar(&f.parallelism, "parallelism", connect.DefaultParallelism, "number of concurrent requests, to all accounts together")
	fs.DurationVar(&f.timeout, "request-timeout", 30*time.Second, "time limit for one request")
	fs.StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
}

// progressFlags say what is written besides results, warnings and errors.
type progressFlags struct {
	progress string
	quiet    bool
}

func (f *progressFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.progress, "progress", "",
		"how progress is shown: auto (live on a terminal), plain (in lines, as for a screen reader) or none (default "+
			progress.Variable+", else auto)")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "only results, warnings and errors: no progress, no line for each action")
}

// startProgress shows progress from now on.
func (a *App) startProgress(f *progressFlags) error {
	mode, err := progress.Setting{Flag: f.progress, Quiet: f.quiet, Terminal: isTerminal(a.Err), Getenv: a.env}.Mode()
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

// connection is the API that the flags choose. It implements [reconcile.API]; it provides
// clients only after start.
type connection struct {
	app      *App
	flags    *addressFlags
	requests requestFlags // zero for the defaults
	address  string
	loopback bool
	embedded *emulator.Embedded
	readOnly bool          // no file is written for an emulator
	api      reconcile.API // nil until started
}

func (a *App) connect(f *apiFlags) (*connection, error) {
	if f.parallelism < 1 {
		return nil, fmt.Errorf("--parallelism %d: must be at least 1", f.parallelism)
	}
	c, err := a.unconnected(&f.addressFlags, &f.progressFlags)
	if err != nil {
		return nil, err
	}
	c.requests = f.requestFlags
	a.Log, err = a.logger(&f.requestFlags)
	return c, err
}

// unconnected is the API for a command that has to know which one is meant, and sends it no request.
func (a *App) unconnected(address *addressFlags, progress *progressFlags) (*connection, error) {
	if err := a.startProgress(progress); err != nil {
		return nil, err
	}
	c := &connection{app: a, flags: address}
	var err error
	c.address, c.loopback, err = a.address(address)
	return c, err
}

// logger returns the logger of the requests.
func (a *App) logger(f *requestFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q is not one of debug, info, warn, error", f.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
		if attr.Value.Kind() == slog.KindString { // the JSON handler does not escape everything that a terminal would interpret
			attr.Value = slog.StringValue(render.Safe(attr.Value.String()))
		}
		return attr
	}}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.Err, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.Err, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q is neither text nor json", f.logFormat)
}

// start makes the API usable. An emulator keeps its state next to the lockfile unless the
// flags name a file.
func (c *connection) start(ctx context.Context, lockPath string) error {
	if c.flags.emulator != "" {
		if err := c.startEmulator(ctx, filepath.Dir(lockPath)); err != nil {
			return err
		}
	}
	var err error
	c.api, err = connect.Cloudflare(connect.Options{
		BaseURL: c.address, Token: c.token, DefaultAccount: c.DefaultAccount(), RequestTimeout: c.requests.timeout,
		Parallelism: c.requests.parallelism, Transport: c.app.Transport, Log: c.app.Log, UserAgent: "secretsync/" + buildinfo.Version(),
		OnWait: func(w reconcile.Waiting) { c.app.view.Event(w) },
	})
	return err
}

func (c *connection) startEmulator(ctx context.Context, dir string) error {
	file := c.flags.emulator
	if file == emulatorDefault {
		file = filepath.Join(dir, file)
	}
	if c.flags.emulator == emulatorDefault && !c.readOnly {
		if err := keyring.Ignore(dir, emulatorDefault, emulatorDefault+".flock"); err != nil {
			return err
		}
	}
	for _, name := range []string{file, file + ".flock"} {
		if err := c.app.files.CheckOwn("--emulator", name); err != nil {
			return err
		}
	}
	e, err := emulator.Embed(ctx, emulator.Options{StateFile: c.stateOf(file)})
	if err != nil {
		return fmt.Errorf("starting the emulator: %w", err)
	}
	c.embedded, c.address = e, e.BaseURL()
	c.app.inform("using the embedded emulator, state in %s", file)
	return nil
}

// stop stops the emulator, if there is one.
func (c *connection) stop() {
	if c.embedded != nil {
		c.embedded.Stop()
	}
}

// token returns the API token of an account.
func (c *connection) token(account planner.AccountID, tokenEnv string) (string, error) {
	if c.embedded != nil {
		return emulatorToken, nil
	}
	token, err := connect.Token(c.app.LookupEnv, account, tokenEnv)
	if err != nil {
		return "", hint.With(err,
			"create a token at https://dash.cloudflare.com/profile/api-tokens with the permission \"Secrets Store Write\""+
				" (for plan and drift, \"Secrets Store Read\"), or try --emulator")
	}
	c.app.Filter.Know(secret.New([]byte(token)))
	return token, nil
}

// DefaultAccount implements [reconcile.API].
func (c *connection) DefaultAccount() planner.AccountID {
	if c.flags.emulator != "" {
		return bindings.EmulatorAccount
	}
	return ""
}

// Loopback implements [reconcile.API].
func (c *connection) Loopback() bool { return c.loopback }

// Now implements [reconcile.API].
func (c *connection) Now() time.Time {
	if c.api == nil {
		return time.Now()
	}
	return c.api.Now()
}

// Account implements [reconcile.API].
func (c *connection) Account(id planner.AccountID, tokenEnv string) (reconcile.Account, error) {
	if c.api == nil {
		return nil, reconcile.ErrNoAPI
	}
	return c.api.Account(id, tokenEnv)
}
