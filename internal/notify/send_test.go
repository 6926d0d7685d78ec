package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// service answers one request after the other, and notes when each came.
type service struct {
	t       *testing.T
	start   time.Time
	answers []reply
	came    []time.Duration
	bodies  []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.bodies = append(s.bodies, string(body))
	if r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.Header.Get("User-Agent") != "secretsync/test" || r.Method != http.MethodPost {
		s.t.Errorf("%s %v", r.Method, r.Header)
	}
	s.came = append(s.came, time.Since(s.start))
	reply := s.answers[min(len(s.came), len(s.answers))-1]
	if reply.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	resp := &http.Response{StatusCode: reply.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("POST /secretsecretsecret failed"))}
	if reply.header != "" {
		resp.Header.Set(reply.header, reply.value)
	}
	return resp, nil
}

// reply is how a service answers; the zero reply is a broken connection.
type reply struct {
	status        int
	header, value string
}

var broken reply

// TestSend: what passes is tried again within bounds; no error has the address.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		answers []reply
		came    []int // seconds
		err     string
	}{
		"delivered":      {[]reply{{status: 200}}, []int{0}, ""},
		"accepted":       {[]reply{{status: 202}}, []int{0}, ""},
		"no content":     {[]reply{{status: 204}}, []int{0}, ""},
		"once broken":    {[]reply{broken, {status: 200}}, []int{0, 1}, ""},
		"pause":          {[]reply{{429, "Retry-After", "7"}, {status: 204}}, []int{0, 7}, ""},
		"unavailable":    {[]reply{{status: 503}, {status: 502}, {status: 500}, {status: 200}}, []int{0, 1, 3, 7}, ""},
		"always broken":  {[]reply{broken}, []int{0, 1, 3, 7}, "connection reset by peer"},
		"always down":    {[]reply{{status: 503}}, []int{0, 1, 3, 7}, "the answer is 503 Service Unavailable"},
		"long pauses":    {[]reply{{429, "Retry-After", "30"}}, []int{0, 30, 60}, "no answer in time"},
		"a longer pause": {[]reply{{429, "Retry-After", "31"}}, []int{0}, "the answer is 429 Too Many Requests, to wait 31s"},
		"deleted":        {[]reply{{status: 404}}, []int{0}, "the answer is 404 Not Found: the webhook may have been deleted"},
		"bad request":    {[]reply{{status: 400}}, []int{0}, "the answer is 400 Bad Request"},
		"moved":          {[]reply{{307, "Location", "https://elsewhere.example/"}}, []int{0}, "the answer is 307 Temporary Redirect: it leads to another address, which is not followed"},
		"silent":         {nil, nil, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{t: t, start: time.Now(), answers: c.answers}
				w := webhook(t, "https://example.com/secretsecretsecret")
				m := Message{Event: EventDrift, Report: Report{Findings: []planner.Drift{finding("a-value", "")}}}
				sender := Sender{Transport: s, UserAgent: "secretsync/test", Redact: func(b []byte) []byte {
					return []byte(strings.ReplaceAll(string(b), "a-value", "[value withheld]"))
				}}
				if s.answers == nil {
					sender.Transport = silent{}
				}
				err := sender.Send(t.Context(), w, m)
				if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				var came []int
				for _, d := range s.came {
					came = append(came, int(d.Seconds()))
				}
				if !slices.Equal(came, c.came) {
					t.Errorf("requests after %v seconds, want %v", came, c.came)
				}
				if time.Since(s.start) > maxTime {
					t.Errorf("it takes %s", time.Since(s.start))
				}
				for _, b := range s.bodies {
					if strings.Contains(b, "a-value") || !strings.Contains(b, "[value withheld]") {
						t.Errorf("not redacted: %s", b)
					}
				}
			})
		})
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestInterrupted: an interrupt ends a pause.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		s := &service{t: t, start: time.Now(), answers: []reply{broken}}
		err := Sender{Transport: s, UserAgent: "secretsync/test", Redact: slices.Clone[[]byte]}.Send(ctx, webhook(t, "https://example.com/x"), Message{})
		if err == nil || time.Since(s.start) > time.Second {
			t.Errorf("%v after %s", err, time.Since(s.start))
		}
	})
}
