package kill

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// TestClocksApart interrupts an apply on a machine whose clock is wrong.
func TestClocksApart(t *testing.T) {
	for _, ahead := range []time.Duration{-5 * time.Minute, 5 * time.Minute, 15 * time.Minute, -3 * time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			cut, err := faultrule.Parse("POST /secrets cut-after once")
			program.Must(t, err)
			server := program.Emulator(t, emulator.Options{
				RateLimit: -1, Fault: cut, Now: func() time.Time { return time.Now().Add(ahead) },
			})
			c := newClone(t, server.BaseURL(), strangersManifest("ours"))
			c.Env["VALUE"] = "ours"
			code, _ := c.Run("apply", "--auto-approve")
			for tries := 0; code != program.OK && tries < 2; tries++ {
				code, _ = c.Run("apply", "--auto-approve")
			}
			if code != program.OK {
				t.Error("it does not converge")
			}
			if code, out := c.Run("plan", "--detailed-exitcode"); code != program.OK || regexp.MustCompile("note:").MatchString(out) {
				t.Errorf("there is something left: exit code %d", code)
			}
		})
	}
}

var createdField = regexp.MustCompile(`"created": ?"([^"]*)",?`)

// TestTimesOfAnotherClock interrupts or kills an apply when the API's timestamps are
// missing, or disagree with its Date header.
func TestTimesOfAnotherClock(t *testing.T) {
	for name, created := range map[string]func(time.Time) string{
		"missing":        func(time.Time) string { return "" },
		"a minute late":  func(at time.Time) string { return at.Add(-time.Minute).Format(time.RFC3339) },
		"a year late":    func(at time.Time) string { return at.AddDate(-1, 0, 0).Format(time.RFC3339Nano) },
		"a year ahead":   func(at time.Time) string { return at.AddDate(1, 0, 0).Format(time.RFC3339Nano) },
		"the same":       func(time.Time) string { return "2026-01-01T00:00:00Z" },
		"without a zone": func(at time.Time) string { return at.Format("2006-01-02T15:04:05.000000") },
	} {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, killed %v", name, dies), func(t *testing.T) {
				t.Parallel()
				fault := "POST /secrets cut-after once"
				if dies {
					fault = "POST /secrets stall-after once"
				}
				server := newTrouble(t, emulator.Options{}, fault)
				base := rewriting(t, server.BaseURL(), func(body []byte) []byte {
					return createdField.ReplaceAllFunc(body, func(field []byte) []byte {
						at, err := time.Parse(time.RFC3339Nano, string(createdField.FindSubmatch(field)[1]))
						program.Must(t, err)
						if text := created(at); text != "" {
							return fmt.Appendf(nil, `"created":%s,`, strconv.Quote(text))
						}
						return nil
					})
				})
				c := newClone(t, base, strangersManifest("ours"))
				c.Env["VALUE"] = "ours"
				if dies {
					killed(c, server)
				}
				code := -1
				for tries := 0; code != program.OK && tries < 3; tries++ {
					code, _ = c.Run("apply", "--auto-approve")
				}
				if code != program.OK {
					t.Error("it does not converge")
				}
				for _, name := range strangersNames {
					if !server.HasValue(program.Account, "prod", name, []byte("ours")) {
						t.Errorf("%s is missing", name)
					}
				}
				if code, _ := c.Run("plan", "--detailed-exitcode"); code != program.OK {
					t.Errorf("there is something left: exit code %d", code)
				}
			})
		}
	}
}

// killed runs an apply that dies once its POST of secrets has taken effect.
func killed(c *program.Project, server *emulator.Embedded) {
	c.T.Helper()
	cmd := c.Process("secretsync", "apply", "--auto-approve")
	program.Must(c.T, cmd.Start())
	for deadline := time.Now().Add(20 * time.Second); !server.HasValue(program.Account, "prod", strangersNames[0], []byte("ours")); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.T.Fatal("nothing was created")
		}
	}
	program.Must(c.T, cmd.Process.Kill())
	_ = cmd.Wait()
}

// newTrouble starts an emulator with the store prod and a fault.
func newTrouble(t *testing.T, opts emulator.Options, fault string) *emulator.Embedded {
	t.Helper()
	parsed, err := faultrule.Parse(fault)
	program.Must(t, err)
	opts.Fault, opts.RateLimit = parsed, -1
	server := program.Emulator(t, opts)
	return server
}

// rewriting is a proxy before a server that changes its answers. The faults of that server
// are injected here.
func rewriting(t *testing.T, base string, change func(body []byte) []byte) string {
	t.Helper()
	target, err := url.Parse(base)
	program.Must(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(res *http.Response) error {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			body = change(body)
			res.Body = io.NopCloser(bytes.NewReader(body))
			res.Header.Set("Content-Length", strconv.Itoa(len(body)))
			res.ContentLength = int64(len(body))
			return nil
		},
	})
	t.Cleanup(front.Close)
	return front.URL + target.Path
}

// TestARequestThatWaitedIsRecordedAgain: before a request is sent, the lockfile records by
// when it will have ended. What it creates is recognised as ours by that time, even if this
// process is killed first.
func TestARequestThatWaitedIsRecordedAgain(t *testing.T) {
	var c *program.Project
	var until []time.Time // as recorded at each request
	throttle, err := faultrule.Parse("POST /secrets 429=2s once")
	program.Must(t, err)
	server := program.Emulator(t, emulator.Options{RateLimit: -1, Fault: func(r *http.Request) emulator.Fault {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets") {
			lock, err := lockfile.Read(c.Path("secretsync.lock"))
			program.Must(t, err)
			for _, st := range lock.All() {
				for name, sec := range st.All() {
					if name == "a" && sec.Pending != nil {
						until = append(until, sec.Pending.Until)
					}
				}
			}
		}
		return throttle(r)
	}})
	c = newClone(t, server.BaseURL(), strangersManifest("ours"))
	c.Env["VALUE"] = "ours"
	if code, _ := c.Run("apply", "--auto-approve"); code != program.OK || len(until) != 2 || !until[0].Before(until[1]) {
		t.Errorf("exit code %d, requests with %q", code, until)
	}
}
