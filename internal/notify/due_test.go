package notify

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// hosts are services by their host.
type hosts struct {
	answers map[string]answer
	mu      sync.Mutex
	sent    []string // the hosts
}

// answer is what a service answers with, and after which time.
type answer struct {
	after  time.Duration
	status int
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.sent = append(h.sent, r.URL.Host)
	h.mu.Unlock()
	answer := h.answers[r.URL.Host]
	select {
	case <-time.After(answer.after):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: answer.status, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// TestSendDue: no service waits for another one, the outcomes are in the order of the webhooks, and
// a delivery is saved at once. A message that was not delivered is due again.
func TestSendDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{answers: map[string]answer{
			"silent.example": {time.Hour, 200}, "slow.example": {9 * time.Second, 200}, "gone.example": {2 * time.Second, 404}, "quick.example": {0, 200},
		}}
		state, err := ParseState(nil)
		if err != nil {
			t.Fatal(err)
		}
		var webhooks []Webhook
		for _, address := range []string{"https://silent.example/a", "https://slow.example/b", "https://gone.example/c", "https://quick.example/d", "generic+https://quick.example/d"} {
			webhooks = append(webhooks, webhook(t, address))
		}
		r := Report{Findings: []planner.Drift{finding("x", ""), finding("y", "")}, Complete: true}
		start := time.Now()
		var saves []string
		outcomes := Sender{Transport: h, UserAgent: "test", Redact: slices.Clone[[]byte]}.SendDue(t.Context(), state, webhooks, r, func() error {
			saves = append(saves, fmt.Sprintf("%d known after %s", len(state.Webhooks), time.Since(start)))
			return nil
		})
		var told []string
		for _, o := range outcomes {
			told = append(told, fmt.Sprint(o.Webhook.Host(), ": ", o.Err, ", ", o.Unsaved))
		}
		if want := []string{
			"silent.example: no answer in time, <nil>", "slow.example: <nil>, <nil>",
			"gone.example: the answer is 404 Not Found: the webhook may have been deleted, <nil>", "quick.example: <nil>, <nil>",
		}; !slices.Equal(told, want) {
			t.Errorf("outcomes %q, want %q", told, want)
		}
		if want := []string{"1 known after 0s", "2 known after 9s"}; !slices.Equal(saves, want) {
			t.Errorf("saved %q, want %q", saves, want)
		}
		if took := time.Since(start); took > maxTime {
			t.Errorf("it takes %s", took)
		}
		var due []string
		for _, w := range webhooks {
			if _, ok := state.Due(w, r); ok {
				due = append(due, w.Host())
			}
		}
		if want := []string{"silent.example", "gone.example"}; !slices.Equal(due, want) {
			t.Errorf("due again: %q, want %q", due, want)
		}
		if n := strings.Count(strings.Join(h.sent, " "), "quick.example"); n != 1 {
			t.Errorf("%d messages to the webhook that is named twice", n)
		}
	})
}

// TestSendDueUnsaved: the state has everything that was delivered before, so an error of saving it
// counts until it was saved once more.
func TestSendDueUnsaved(t *testing.T) {
	full := errors.New("disk full")
	for name, c := range map[string]struct {
		saves []error
		want  []error
	}{
		"saved":      {[]error{nil, nil}, []error{nil, nil}},
		"once more":  {[]error{full, nil}, []error{nil, nil}},
		"only first": {[]error{nil, full}, []error{nil, full}},
		"never":      {[]error{full, full}, []error{full, full}},
	} {
		t.Run(name, func(t *testing.T) {
			outcomes := make([]Outcome, len(c.saves))
			for i, err := range c.saves {
				saved(outcomes, i, err)
			}
			for i, o := range outcomes {
				if o.Unsaved != c.want[i] {
					t.Errorf("outcome %d: %v, want %v", i, o.Unsaved, c.want[i])
				}
			}
		})
	}
}
