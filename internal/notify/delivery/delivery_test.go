package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/notify/delivery"
	"github.com/secretsync/secretsync/internal/outfile"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

const address = "https://hooks.example.com/secretsecretsecret"

// program is one around deliveries. Its transport answers every request with a status.
type program struct {
	env    map[string]string
	own    []reconcile.File // of the project
	filter *redact.Filter
	status int
	sent   []string // the bodies of requests
	said   string
}

func (p *program) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	p.sent = append(p.sent, string(body))
	return &http.Response{StatusCode: p.status, Header: http.Header{}, Body: http.NoBody}, err
}

// run sends a finding, as one run of drift does.
func (p *program) run(t *testing.T, o delivery.Options) error {
	t.Helper()
	p.sent, p.said, p.filter = nil, "", redact.New()
	var outputs outfile.Guard
	outputs.Protect(p.own)
	o.Manifest = "secretsync.yaml"
	d, err := delivery.New(o, delivery.Host{
		LookupEnv: func(name string) (string, bool) { value, ok := p.env[name]; return value, ok },
		Filter:    p.filter, Outputs: &outputs, Transport: p,
		Say: func(format string, args ...any) { p.said += fmt.Sprintf(format+"\n", args...) },
	})
	if err != nil {
		return err
	}
	drift := planner.Drift{Kind: planner.DriftDeleted, Store: planner.StoreKey{Account: "a", Name: "shop"}, Secret: "key", Counts: true}
	unmanaged := planner.Drift{Kind: planner.DriftUnmanaged, Store: drift.Store, Secret: "other"} // does not count
	d.Send(t.Context(), &reconcile.Drift{Findings: []planner.Drift{drift, unmanaged}})
	return nil
}

// TestOnce: an address that is named twice gets one message, the next run sends nothing, and a message
// that was not delivered is sent again. The address is written nowhere.
func TestOnce(t *testing.T) {
	p := &program{env: map[string]string{delivery.Variable: address}, status: http.StatusNotFound}
	o := delivery.Options{Webhooks: []string{address}, State: filepath.Join(t.TempDir(), "new", "state.json")}
	if err := p.run(t, o); err != nil || len(p.sent) != 1 || !strings.Contains(p.said, "hooks.example.com was not delivered: the answer is 404") {
		t.Errorf("a refused message: %v, sent %d, said %s", err, len(p.sent), p.said)
	}
	p.status = http.StatusOK
	if err := p.run(t, o); err != nil || len(p.sent) != 1 || p.said != "" {
		t.Errorf("the message again: %v, sent %d, said %s", err, len(p.sent), p.said)
	}
	if len(p.sent) == 1 && (!strings.Contains(p.sent[0], `"key"`) || strings.Contains(p.sent[0], "other")) {
		t.Errorf("not the finding that counts: %s", p.sent[0])
	}
	if err := p.run(t, o); err != nil || len(p.sent) != 0 {
		t.Errorf("nothing new: %v, sent %q", err, p.sent)
	}
	if shown := string(p.filter.Text([]byte("see " + address))); strings.Contains(shown, "secretsecretsecret") {
		t.Errorf("the address is not withheld: %s", shown)
	}
	if state, err := os.ReadFile(o.State); err != nil || strings.Contains(string(state), "example.com") {
		t.Errorf("%v: %s", err, state)
	}
}

// TestDefaultState: each project has a file of its own in the cache folder; without such a folder,
// everything is sent again.
func TestDefaultState(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the cache folder is named by other variables")
	}
	cache := t.TempDir()
	p := &program{env: map[string]string{"XDG_CACHE_HOME": cache}, status: http.StatusOK}
	for _, project := range []delivery.Options{{Lockfile: "a.lock"}, {Lockfile: "b.lock"}, {Lockfile: "a.lock", API: "http://127.0.0.1:1"}} {
		project.Webhooks = []string{address}
		for _, want := range []int{1, 0} {
			if err := p.run(t, project); err != nil || len(p.sent) != want || p.said != "" {
				t.Errorf("%+v: %v, sent %d instead of %d, said %s", project, err, len(p.sent), want, p.said)
			}
		}
	}
	if states, err := filepath.Glob(filepath.Join(cache, "secretsync", "notify", "*.json")); err != nil || len(states) != 3 {
		t.Errorf("%q, %v", states, err)
	}
	p.env = nil
	for range 2 {
		err := p.run(t, delivery.Options{Webhooks: []string{address}})
		if err != nil || len(p.sent) != 1 || !strings.Contains(p.said, "everything is sent again: set --notify-state") {
			t.Errorf("%v, sent %d, said %s", err, len(p.sent), p.said)
		}
	}
}

// TestNoWebhook: nothing is sent, and a file that would remember it is worth a warning.
func TestNoWebhook(t *testing.T) {
	p := &program{}
	if err := p.run(t, delivery.Options{}); err != nil || p.said != "" {
		t.Errorf("%v, said %s", err, p.said)
	}
	file := filepath.Join(t.TempDir(), "state.json")
	if err := p.run(t, delivery.Options{State: file}); err != nil || !strings.Contains(p.said, "warning: nothing is sent") {
		t.Errorf("%v, said %s", err, p.said)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written: %v", err)
	}
}

// TestRefused: before anything is sent, and without the address.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	other, own := filepath.Join(dir, "other.json"), filepath.Join(dir, "shop.lock")
	if err := os.WriteFile(other, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want, hint string
		env              string
		o                delivery.Options
	}{
		{"an address in clear", "--notify: the address of the webhook at hooks.example.com begins with http", "copy the webhook's address",
			"", delivery.Options{Webhooks: []string{strings.Replace(address, "https", "http", 1)}}},
		{"no address", delivery.Variable + ": that is not the address", "copy the webhook's address", address + " secretsecretsecret", delivery.Options{}},
		{"another file", "that file exists and is not a state of secretsync's notifications", "name another one", address, delivery.Options{State: other}},
		{"the lockfile", "--notify-state " + own, "", address, delivery.Options{State: own}},
	} {
		p := &program{env: map[string]string{delivery.Variable: c.env}, own: []reconcile.File{{Name: own, Role: reconcile.FileLockfile}}}
		err := p.run(t, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(hint.Of(err), c.hint) || len(p.sent) > 0 {
			t.Errorf("%s: %v (%s), sent %d", c.name, err, hint.Of(err), len(p.sent))
		}
		if err != nil && strings.Contains(err.Error()+hint.Of(err), "secretsecret") {
			t.Errorf("%s: it shows the address: %v", c.name, err)
		}
	}
}
