// Package delivery sends the drift that a run found to webhooks. A file remembers what each was sent
// before, so that nothing is sent twice. The package implements drift --notify, and names the flags of
// that command. The messages come from package notify.
package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
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
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/reconcile"
)

// Variable has the addresses of webhooks, which are secrets, separated by spaces.
const Variable = "SECRETSYNC_NOTIFY"

// Options say where to send what was found.
type Options struct {
	// Webhooks are the addresses that --notify names, besides those in [Variable].
	Webhooks []string
	// State is the file that remembers what was sent, or empty for one in the user's cache folder.
	State string
	// Manifest, Lockfile and API tell the project from others, whose files in the cache folder are
	// others.
	Manifest, Lockfile, API string
}

// Host is the program around it: its environment, and what it knows about the command line.
type Host struct {
	LookupEnv func(string) (string, bool)
	// Filter withholds the addresses of webhooks, as soon as they are read, and values from messages.
	Filter *redact.Filter
	// Outputs says which files must not be written.
	Outputs *outfile.Guard
	// Transport sends the requests; nil means the default transport.
	Transport http.RoundTripper
	// Say writes a line to the standard error.
	Say func(format string, args ...any)
}

// getenv returns an environment variable's value, or "".
func (h *Host) getenv(name string) string {
	value, _ := h.LookupEnv(name)
	return value
}

// Delivery sends the findings of one run to webhooks. One without webhooks sends nothing.
type Delivery struct {
	host     Host
	manifest string
	webhooks []notify.Webhook
	file     string // of the state; empty if there is none
	state    *notify.State
}

// stateOut is the file of --notify-state.
func stateOut(path string) outfile.File {
	return outfile.File{Flag: "--notify-state", Path: path, Kind: "state of secretsync's notifications", IsKind: notify.IsState}
}

// New reads the webhooks and what they were sent, before anything is requested.
func New(o Options, h Host) (*Delivery, error) {
	d := &Delivery{host: h, manifest: o.Manifest, file: o.State}
	var err error
	if d.webhooks, err = h.webhooks(o.Webhooks); err != nil {
		return nil, err
	}
	switch {
	case len(d.webhooks) == 0 && o.State != "":
		h.Say("warning: nothing is sent, because neither --notify nor %s names a webhook", Variable)
		return d, nil
	case len(d.webhooks) == 0:
		return d, nil
	case d.file == "":
		d.file = h.defaultState(o)
	}
	if d.file == "" {
		h.Say("warning: there is no folder for the record of what was sent, so everything is sent again: set --notify-state")
		d.state, err = notify.ParseState(nil)
		return d, err
	}
	if err := h.Outputs.Check(stateOut(d.file)); err != nil {
		return nil, err
	}
	data, err := outfile.ReadExisting(d.file)
	if err == nil {
		d.state, err = notify.ParseState(data)
	}
	if err != nil {
		return nil, fmt.Errorf("--notify-state %s: %w", d.file, err)
	}
	return d, nil
}

// webhooks returns the webhooks of the flags and of the environment. The filter withholds their
// addresses from then on.
func (h *Host) webhooks(flags []string) ([]notify.Webhook, error) {
	var all []notify.Webhook
	seen := map[string]bool{}
	for i, text := range append(flags, strings.Fields(h.getenv(Variable))...) {
		from := "--notify"
		if i >= len(flags) {
			from = Variable
		}
		h.Filter.Know(secret.New([]byte(text)))
		w, err := notify.ParseWebhook(text)
		if err != nil {
			return nil, hint.With(fmt.Errorf("%s: %w", from, err), "copy the webhook's address from the service's settings, whole and in quotes")
		}
		for _, known := range w.Secrets() {
			h.Filter.Know(secret.New([]byte(known)))
		}
		if !seen[text] {
			all = append(all, w)
		}
		seen[text] = true
	}
	return all, nil
}

// defaultState is this project's file in the user's cache folder; empty if there is no such folder.
func (h *Host) defaultState(o Options) string {
	cache := filepath.Dir(readercache.Folder(runtime.GOOS, h.getenv))
	if !filepath.IsAbs(cache) {
		return ""
	}
	manifest, err := filepath.Abs(o.Manifest)
	if err != nil {
		return ""
	}
	project := sha256.Sum256([]byte(strings.Join([]string{manifest, o.Lockfile, o.API}, "\n")))
	return filepath.Join(cache, "notify", fmt.Sprintf("%x.json", project[:16]))
}

// Send sends each webhook what it was not sent yet. A failure is a warning: the result of drift
// is about Cloudflare. What was not delivered is due again in the next run.
func (d *Delivery) Send(ctx context.Context, found *reconcile.Drift) {
	report := notify.Report{
		Manifest: d.manifest, Checked: len(found.Secrets), Complete: found.Unreachable == nil, RunURL: ci.RunURL(d.host.LookupEnv),
	}
	for _, f := range found.Findings {
		if f.Counts {
			report.Findings = append(report.Findings, f)
		}
	}
	for _, o := range d.sender().SendDue(ctx, d.state, d.webhooks, report, d.save) {
		switch {
		case o.Err != nil:
			d.host.Say("warning: the notification to %s was not delivered: %v. The next run sends it again", o.Webhook.Host(), o.Err)
		case o.Unsaved != nil:
			d.host.Say("warning: the notification to %s was delivered, but the next run sends it again: %v", o.Webhook.Host(), o.Unsaved)
		}
	}
}

func (d *Delivery) sender() notify.Sender {
	s := notify.Sender{Transport: d.host.Transport, UserAgent: "secretsync/" + buildinfo.Version(), Redact: d.host.Filter.Text}
	if s.Transport == nil {
		s.Transport = cloudflare.NewTransport(len(d.webhooks))
	}
	return s
}

func (d *Delivery) save() error {
	if d.file == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(d.file), 0o700)
	return errors.Join(err, d.host.Outputs.Write(stateOut(d.file), d.state.Format()))
}
