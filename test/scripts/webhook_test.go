package scripts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// webhookPath is the secret part of the webhooks' addresses.
const webhookPath = "/services/T00000000/B00000000/wEbHoOkSeCrEtWeBhOoKsEcR"

// webhook is a server that takes messages.
type webhook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	header [2]string
	bodies []string
	// missing is how many more requests have to be under way before any is answered; all is closed then.
	missing int
	all     chan struct{}
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.allTogether() {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch {
	case err != nil || r.Method != http.MethodPost || r.URL.Path != webhookPath || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		w.WriteHeader(http.StatusTeapot)
		return
	case h.header[0] != "":
		w.Header().Set(h.header[0], h.header[1])
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	h.bodies = append(h.bodies, pretty.String()+"\n")
	w.WriteHeader(h.status)
	fmt.Fprint(w, "no_service")
}

// allTogether waits until as many requests are under way as there should be, without the lock.
func (h *webhook) allTogether() bool {
	if h.missing == 0 {
		return true
	}
	if h.missing--; h.missing == 0 {
		close(h.all)
	}
	all := h.all
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-all:
		return true
	case <-time.After(3 * time.Second):
		return false
	}
}

// useWebhook is the command webhook.
func useWebhook(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "usage: webhook start | answer STATUS [HEADER VALUE] | together N | received N [FILE]"
	if neg || len(args) == 0 {
		ts.Fatalf(usage)
	}
	if args[0] == "start" {
		h := &webhook{status: http.StatusOK}
		h.Server = httptest.NewServer(h)
		ts.Defer(h.Close)
		webhooks.Store(h.URL, h)
		ts.Setenv("WEBHOOK_HOST", h.URL)
		ts.Setenv("WEBHOOK", h.URL+webhookPath)
		return
	}
	found, ok := webhooks.Load(ts.Getenv("WEBHOOK_HOST"))
	if !ok {
		ts.Fatalf("webhook start comes first")
	}
	h := found.(*webhook)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case args[0] == "answer" && len(args) >= 2:
		h.status, h.header = number(ts, args[1]), [2]string{}
		copy(h.header[:], args[2:])
	case args[0] == "together" && len(args) == 2:
		h.missing, h.all = number(ts, args[1]), make(chan struct{})
	case args[0] == "received" && len(args) >= 2:
		if len(h.bodies) != number(ts, args[1]) {
			ts.Fatalf("%d messages came, want %s:\n%s", len(h.bodies), args[1], strings.Join(h.bodies, ""))
		}
		if len(args) > 2 {
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(h.bodies, "")), 0o600))
		}
		h.bodies = nil
	default:
		ts.Fatalf(usage)
	}
}

// webhooks are the webhooks of all scripts, by their addresses.
var webhooks sync.Map
