package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/secretsync/secretsync/internal/buildinfo"
	"github.com/secretsync/secretsync/internal/ci"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/notify"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/readercache"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/pflag"
)

// notifyVariable has the addresses of webhooks, which are secrets, separated by spaces.
const notifyVariable = "SECRETSYNC_NOTIFY"

// notifyFlags say where to send what was found.
type notifyFlags struct {
	webhooks []string
	state    string
}

func (f *notifyFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.webhooks, "notify", nil,
		"send drift to this `URL`, a webhook of Slack, Discord, Teams or any other (repeatable; better SECRETSYNC_NOTIFY, since it is a secret)")
	fs.StringVar(&f.state, "notify-state", "",
		"the file that remembers what was sent, so that it is sent once (default: one in the user's cache folder)")
}

// notifyStateOut is the file of --notify-state.
func notifyStateOut(path string) outfile.File {
	return outfile.File{Flag: "--notify-state", Path: path, Kind: "state of secretsync's notifications", IsKind: notify.IsState}
}

// notifier sends the findings of one run to webhooks. One without webhooks sends nothing.
type notifier struct {
	app      *App
	webhooks []notify.Webhook
	file     string // of the state; empty if there is none
	state    *notify.State
}

// notifier reads the webhooks and what they were sent, before anything is requested.
func (a *App) notifier(f *notifyFlags, c *connection, p *reconcile.Project) (*notifier, error) {
	webhooks, err := a.webhooks(f)
	if err != nil {
		return nil, err
	}
	n := &notifier{app: a, webhooks: webhooks, file: f.state}
	switch {
	case len(webhooks) == 0 && f.state != "":
		a.Say("warning: nothing is sent, because neither --notify nor %s names a webhook", notifyVariable)
		return n, nil
	case len(webhooks) == 0:
		return n, nil
	case n.file == "":
		n.file = a.defaultNotifyState(c, p)
	}
	if n.file == "" {
		a.Say("warning: there is no folder to remember in what was sent, so everything is sent again: set --notify-state")
		n.state, err = notify.ParseState(nil)
		return n, err
	}
	if err := a.files.Check(notifyStateOut(n.file)); err != nil {
		return nil, err
	}
	data, err := outfile.ReadExisting(n.file)
	if err == nil {
		n.state, err = notify.ParseState(data)
	}
	if err != nil {
		return nil, fmt.Errorf("--notify-state %s: %w", n.file, err)
	}
	return n, nil
}

// webhooks returns the webhooks of the flags and of the environment. The filter withholds their
// addresses from then on.
func (a *App) webhooks(f *notifyFlags) ([]notify.Webhook, error) {
	var all []notify.Webhook
	seen := map[string]bool{}
	for i, text := range append(f.webhooks, strings.Fields(a.env(notifyVariable))...) {
		from := "--notify"
		if i >= len(f.webhooks) {
			from = notifyVariable
		}
		a.Filter.Know(secret.New([]byte(text)))
		w, err := notify.ParseWebhook(text)
		if err != nil {
			return nil, hint.With(fmt.Errorf("%s: %w", from, err), "copy the webhook's address from the service's settings, whole and in quotes")
		}
		for _, known := range w.Secrets() {
			a.Filter.Know(secret.New([]byte(known)))
		}
		if !seen[text] {
			all = append(all, w)
		}
		seen[text] = true
	}
	return all, nil
}

// defaultNotifyState is a file of this project's in the user's cache folder; empty if there is no
// such folder.
func (a *App) defaultNotifyState(c *connection, p *reconcile.Project) string {
	cache := filepath.Dir(readercache.Folder(runtime.GOOS, a.env))
	if !filepath.IsAbs(cache) {
		return ""
	}
	manifest, err := filepath.Abs(p.Manifest().File)
	if err != nil {
		return ""
	}
	project := sha256.Sum256([]byte(strings.Join([]string{manifest, p.Lockfile(), cmp.Or(c.address, c.flags.emulator)}, "\n")))
	return filepath.Join(cache, "notify", fmt.Sprintf("%x.json", project[:16]))
}

// notify sends each webhook what it was not sent yet. A failure is a warning: the result of drift
// is about Cloudflare. What was not delivered is due again in the next run.
func (n *notifier) notify(ctx context.Context, d *reconcile.Drift, manifest string) {
	report := notify.Report{Manifest: manifest, Checked: len(d.Secrets), Complete: d.Unreachable == nil, RunURL: ci.RunURL(n.app.LookupEnv)}
	for _, f := range d.Findings {
		if f.Counts {
			report.Findings = append(report.Findings, f)
		}
	}
	sender := n.sender()
	for _, w := range n.webhooks {
		m, due := n.state.Due(w, report)
		if !due {
			continue
		}
		if err := sender.Send(ctx, w, m); err != nil {
			n.app.Say("warning: the notification to %s was not delivered: %v. The next run sends it again", w.Host(), err)
			continue
		}
		n.state.Sent(w, report)
		if err := n.save(); err != nil {
			n.app.Say("warning: the notification to %s was delivered, but the next run sends it again: %v", w.Host(), err)
		}
	}
}

func (n *notifier) sender() notify.Sender {
	s := notify.Sender{Transport: n.app.Transport, UserAgent: "secretsync/" + buildinfo.Version(), Redact: n.app.Filter.Text}
	if s.Transport == nil {
		s.Transport = cloudflare.NewTransport(1)
	}
	return s
}

func (n *notifier) save() error {
	if n.file == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(n.file), 0o700)
	return errors.Join(err, n.app.files.Write(notifyStateOut(n.file), n.state.Format()))
}
