package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/applier/appliertest"
	"github.com/secretsync/secretsync/internal/secret"
)

// The three kinds of calls, as far as retries are concerned.
var calls = map[string]func(context.Context, *Client) error{
	"GET": func(ctx context.Context, c *Client) error { _, err := c.ListSecrets(ctx, storeID); return err },
	"POST": func(ctx context.Context, c *Client) error {
		_, err := c.CreateSecrets(ctx, storeID, []applier.NewSecret{item("a", "1")}, nil)
		return err
	},
	"PATCH": func(ctx context.Context, c *Client) error {
		_, err := c.UpdateSecret(ctx, storeID, id1, applier.Patch{Value: secret.New([]byte("1"))})
		return err
	},
	"DELETE": func(ctx context.Context, c *Client) error { return c.DeleteSecret(ctx, storeID, id1) },
}

var success = map[string]reply{
	"GET": ok(`[` + secretJSON(id1, "a") + `],"result_info":{"total_count":1}`), "POST": ok(`[` + secretJSON(id1, "a") + `]`),
	"PATCH": ok(secretJSON(id1, "a")), "DELETE": ok(`null`),
}

func throttle(after string) reply {
	r := refusal(429, 10429, "slow down")
	r.header = map[string]string{"Retry-After": after}
	return r
}

var errReset = errors.New("connection reset by canary")

// Every kind of permanent failure: the attempts of each method, and the resulting error.
func TestTroubleThatStays(t *testing.T) {
	const never, always = false, true
	tests := []struct {
		name        string
		reply       reply
		get, post   int // attempts; PATCH and DELETE as GET
		writeUnsure bool
		is          error
	}{
		{"429", refusal(429, 0, ""), 12, 12, never, nil},
		{"429 Retry-After", throttle("30"), 8, 8, never, nil},
		{"429 for too long", throttle("301"), 1, 1, never, nil},
		{"971 in a 200", refusal(200, 971, "Please wait"), 12, 12, never, nil},
		{"971 in a 503", refusal(503, 971, "Please wait"), 12, 12, never, nil},
		{"500", refusal(500, 1, "x"), 4, 1, always, nil},
		{"502 of a gateway", reply{status: 502, body: "<html>"}, 4, 1, always, nil},
		{"408", reply{status: 408}, 4, 1, always, nil},
		{"10001", refusal(400, 10001, "internal error"), 4, 1, always, nil},
		{"connection cut", reply{err: errReset}, 4, 1, always, nil},
		{"stalled", reply{stall: true}, 4, 1, always, nil},
		{"empty 200", reply{}, 4, 1, always, nil},
		{"HTML 200", reply{body: "<html>"}, 4, 1, always, nil},
		{"half a 200", reply{body: success["GET"].body[:60]}, 4, 1, always, nil},
		{"no success", reply{body: `{"result":[]}`}, 4, 1, always, nil},
		{"token refused", refusal(403, 10000, "Authentication error"), 2, 2, never, nil},
		{"token refused in a 400", refusal(400, 9109, "Invalid access token"), 1, 1, never, nil},
		{"success false in a 200", refusal(200, 1003, "secret_name_already_exists: a"), 1, 1, never, applier.ErrNameTaken},
		{"a conflict in other words", refusal(409, 4711, "who knows"), 1, 1, never, applier.ErrNameTaken},
		{"invalid", refusal(400, 1001, "secret_scope_invalid"), 1, 1, never, applier.ErrInvalid},
		{"unknown 400", refusal(400, 4711, "who knows"), 1, 1, never, applier.ErrInvalid},
		{"full", refusal(400, 1003, "maximum_secrets_exceeded: max 100"), 1, 1, never, applier.ErrQuota},
		{"too large", reply{status: 413, body: "<html>"}, 1, 1, never, applier.ErrTooLarge},
		{"no store", refusal(404, 1001, "store_not_found"), 1, 1, never, applier.ErrNotFound},
		{"unknown 404", refusal(404, 4711, "who knows"), 1, 1, never, applier.ErrNotFound},
		{"redirect", reply{status: 307, header: map[string]string{"Location": "https://elsewhere.test/"}}, 1, 1, never, nil},
	}
	for _, tt := range tests {
		for method, call := range calls {
			t.Run(tt.name+"/"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := replies(tt.reply)
					err := call(t.Context(), newClient(t, s))
					want := tt.get
					if method == "POST" {
						want = tt.post
					}
					e, ok := errors.AsType[*Error](err)
					if !ok || len(s.sent) != want || e.Attempts != want || e.Method != method {
						t.Fatalf("%d requests, want %d; error %#v", len(s.sent), want, err)
					}
					if unsure := tt.writeUnsure && method != "GET"; errors.Is(err, applier.ErrOutcomeUnknown) != unsure {
						t.Errorf("outcome unknown: %v, want %v (%v)", !unsure, unsure, err)
					}
					for _, is := range []error{applier.ErrNameTaken, applier.ErrInvalid, applier.ErrQuota, applier.ErrTooLarge, applier.ErrNotFound} {
						if errors.Is(err, is) != (is == tt.is) {
							t.Errorf("errors.Is(err, %q) is %v", is, errors.Is(err, is))
						}
					}
				})
			})
		}
	}
}

// Temporary failures: everything but an ambiguous POST succeeds, with the same body every
// time.
func TestTroubleThatPasses(t *testing.T) {
	for name, trouble := range map[string]reply{
		"429": throttle("2"), "971": refusal(200, 971, ""), "503": {status: 503}, "cut": {err: errReset}, "stalled": {stall: true},
	} {
		for method, call := range calls {
			t.Run(name+"/"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := replies(trouble, trouble, success[method])
					err := call(t.Context(), newClient(t, s))
					if method == "POST" && name != "429" && name != "971" {
						if !errors.Is(err, applier.ErrOutcomeUnknown) || len(s.sent) != 1 {
							t.Errorf("%d requests, error %v", len(s.sent), err)
						}
						return
					}
					if err != nil || len(s.sent) != 3 {
						t.Fatalf("%d requests, error %v", len(s.sent), err)
					}
					if s.sent[2].body != s.sent[0].body {
						t.Error("the body changed from attempt to attempt")
					}
				})
			})
		}
	}
}

func TestHowLongItWaits(t *testing.T) {
	tests := []struct {
		name  string
		first reply
		low   time.Duration
		high  time.Duration
		told  bool
	}{
		{"seconds", throttle("90"), 90 * time.Second, 90 * time.Second, true},
		{"date", throttle("Sat, 01 Jan 2000 00:04:00 GMT"), 4 * time.Minute, 4 * time.Minute, true}, // synctest begins in 2000
		{"a date gone by", throttle("Fri, 31 Dec 1999 00:00:00 GMT"), time.Second, 1500 * time.Millisecond, true},
		{"nonsense", throttle("soon"), time.Second, 1500 * time.Millisecond, true},
		{"the most", throttle("300"), 300 * time.Second, 300 * time.Second, true},
		{"no header", refusal(429, 0, ""), time.Second, 1500 * time.Millisecond, true},
		{"503", reply{status: 503}, 500 * time.Millisecond, 750 * time.Millisecond, true},
		{"stalled", reply{stall: true}, 30500 * time.Millisecond, 30750 * time.Millisecond, true},
		{"none", success["GET"], 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []Wait
				c := newClient(t, replies(tt.first, success["GET"]), func(c *Config) {
					c.OnWait = func(w Wait) { told = append(told, w) }
				})
				start := time.Now()
				if err := calls["GET"](t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(start); d < tt.low || d > tt.high {
					t.Errorf("took %s, want %s to %s", d, tt.low, tt.high)
				}
				if tt.told != (len(told) == 1 && told[0].Attempt == 1 && told[0].Delay > 0 && told[0].Reason != "") {
					t.Errorf("told of %+v", told)
				}
			})
		})
	}
}

// A date is by the clock of the server that sent it.
func TestRetryAfterByTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := throttle("Sat, 01 Jan 2000 00:10:03 GMT")
		first.header["Date"] = "Sat, 01 Jan 2000 00:10:00 GMT"
		start := time.Now()
		if err := calls["GET"](t.Context(), newClient(t, replies(first, success["GET"]))); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("took %s, error %v", time.Since(start), err)
		}
	})
}

// A block lasts 5 minutes, even if no answer says so.
func TestABlockIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			if time.Since(start) < 5*time.Minute {
				return refusal(429, 0, "").to(r)
			}
			return success["PATCH"].to(r)
		}}
		if err := calls["PATCH"](t.Context(), newClient(t, s)); err != nil {
			t.Error(err)
		}
	})
}

// createdAccount is an account that creates everything it is asked for, and counts it.
type createdAccount struct {
	throttled string // Retry-After of the next answer to a POST, if not empty
	created   int
}

func (a *createdAccount) answer(_ int, r *http.Request) (*http.Response, error) {
	after := a.throttled
	if a.throttled = ""; after != "" {
		return throttle(after).to(r)
	}
	a.created++
	if strings.HasSuffix(r.URL.Path, "/duplicate") {
		return ok(secretJSON(id2, "duplicate")).to(r)
	}
	return ok(`[` + secretJSON(id2, "created") + `]`).to(r)
}

// A POST waits because of an earlier answer, or is sent again after its own.
func TestBeforeSend(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(map[bool]string{false: "first", true: "again"}[again], func(t *testing.T) {
			appliertest.TestBeforeSend(t, func(t *testing.T) appliertest.Fixture {
				a := &createdAccount{}
				c := newClient(t, &script{answer: a.answer})
				return appliertest.Fixture{
					Target: c, Store: storeID, Secret: id1, Created: func() int { return a.created },
					Delay: func(d time.Duration) {
						if again && d%time.Second == 0 {
							a.throttled = strconv.Itoa(int(d / time.Second))
						} else {
							c.paced.Hold(d)
						}
					},
				}
			})
		})
	}
}

// Every time a POST is sent again, and only then, it is journaled.
func TestEveryResendIsJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := replies(throttle("30"), throttle("30"), success["POST"])
		var sent []int
		_, err := newClient(t, s).CreateSecrets(t.Context(), storeID, []applier.NewSecret{item("a", "1")}, func() error {
			sent = append(sent, len(s.sent))
			return nil
		})
		if err != nil || !slices.Equal(sent, []int{1, 2}) {
			t.Errorf("called after %v requests, error %v", sent, err)
		}
	})
}

func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		c := newClient(t, replies(refusal(429, 0, "")), func(c *Config) { c.OnWait = func(w Wait) { told = append(told, w.Delay) } })
		_ = calls["GET"](t.Context(), c)
		want := time.Second
		for i, d := range told {
			if d < want || d > want*3/2 {
				t.Errorf("pause %d is %s, want about %s", i, d, want)
			}
			want = min(2*want, maxPause)
		}
		if len(told) != throttledTries-1 {
			t.Errorf("%d pauses", len(told))
		}
	})
}

func TestDeleteThatHappenedTheFirstTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, replies(reply{err: errReset}, refusal(404, 1001, "secret_not_found")))
		if err := calls["DELETE"](t.Context(), c); err != nil {
			t.Error(err)
		}
	})
}

// The outcome of a write stays unknown, even if a later attempt is refused.
func TestUnknownStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, replies(reply{status: 502}, refusal(400, 1001, "secret_value_too_long")))
		if err := calls["PATCH"](t.Context(), c); !errors.Is(err, applier.ErrOutcomeUnknown) {
			t.Error(err)
		}
	})
}

func TestAnswersThatLackSomething(t *testing.T) {
	two := []applier.NewSecret{item("a", "1"), item("b", "2")}
	tests := map[string]struct {
		result string
		call   func(context.Context, *Client) error
	}{
		"create, one missing": {`[` + secretJSON(id1, "a") + `]`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateSecrets(ctx, storeID, two, nil)
			return err
		}},
		"create, no id": {`[` + secretJSON(id1, "a") + `,` + secretJSON("", "b") + `]`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateSecrets(ctx, storeID, two, nil)
			return err
		}},
		"create, an object": {secretJSON(id1, "a"), func(ctx context.Context, c *Client) error {
			_, err := c.CreateSecrets(ctx, storeID, two, nil)
			return err
		}},
		"create, null": {`null`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateSecrets(ctx, storeID, two, nil)
			return err
		}},
		"create store, no id":    {`{"name":"x"}`, func(ctx context.Context, c *Client) error { _, err := c.CreateStore(ctx, "x"); return err }},
		"create store, an array": {`[]`, func(ctx context.Context, c *Client) error { _, err := c.CreateStore(ctx, "x"); return err }},
		"update, another id":     {secretJSON(id2, "a"), calls["PATCH"]},
		"update, an array":       {`[]`, calls["PATCH"]},
		"duplicate, an odd id": {`{"id":"../x","name":"a"}`, func(ctx context.Context, c *Client) error {
			_, err := c.DuplicateSecret(ctx, storeID, id1, applier.Duplicate{Name: "b"}, nil)
			return err
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := tt.call(t.Context(), newClient(t, replies(ok(tt.result)))); !errors.Is(err, applier.ErrOutcomeUnknown) {
					t.Error(err)
				}
			})
		})
	}
	t.Run("update", func(t *testing.T) { // omitted fields are as before, or read
		synctest.Test(t, func(t *testing.T) {
			whole := success["PATCH"]
			s := replies(ok(`{"name":"a"}`), whole, ok(`null`), whole, ok(`{"comment":null,"modified":"2026-01-01T00:00:00Z"}`))
			c := newClient(t, s)
			for i, want := range []struct{ comment, modified string }{{"old", "told"}, {"new", "told"}, {"", "2026-01-01T00:00:00Z"}} {
				p := applier.Patch{Value: secret.New([]byte("1")), Before: "old"}
				if want.comment == "new" {
					p.Comment = ptr("new")
				}
				live, err := c.UpdateSecret(t.Context(), storeID, id1, p)
				if err != nil || live.ID != id1 || live.Comment != want.comment || live.Modified == "" || want.modified != "told" && string(live.Modified) != want.modified {
					t.Errorf("%d: %+v, error %v", i, live, err)
				}
			}
			if len(s.sent) != 5 {
				t.Errorf("%d requests", len(s.sent))
			}
		})
	})
	t.Run("quota", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			if _, _, err := newClient(t, replies(ok(`{"secrets":{}}`))).GetQuota(t.Context()); err == nil {
				t.Error("an empty quota passed for one")
			}
		})
	})
}

func TestInterruptedWaitEndsAtOnce(t *testing.T) {
	for method, call := range calls {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				s := replies(throttle("300"))
				err := call(ctx, newClient(t, s))
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, applier.ErrOutcomeUnknown) {
					t.Error(err)
				}
				if d := time.Since(start); d != 10*time.Second || len(s.sent) != 1 {
					t.Errorf("took %s and %d requests", d, len(s.sent))
				}
			})
		})
	}
}

// When the context ends, reads are interrupted; a write under way is finished, and not
// retried.
func TestInterruptedUnderWay(t *testing.T) {
	for method, call := range calls {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
					cancel()
					select {
					case <-time.After(10 * time.Second):
						return success[method].to(r)
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}}
				err := call(ctx, newClient(t, s))
				if method == "GET" && !errors.Is(err, context.Canceled) || method != "GET" && err != nil {
					t.Error(err)
				}
				err = call(ctx, newClient(t, s))
				if !errors.Is(err, context.Canceled) || errors.Is(err, applier.ErrOutcomeUnknown) || len(s.sent) != 1 {
					t.Errorf("%d requests, error %v", len(s.sent), err)
				}
			})
		})
	}
}

func TestInterruptedWriteThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			cancel()
			return reply{status: 502}.to(r)
		}}
		err := calls["PATCH"](ctx, newClient(t, s))
		if !errors.Is(err, context.Canceled) || !errors.Is(err, applier.ErrOutcomeUnknown) || len(s.sent) != 1 {
			t.Errorf("%d requests, error %v", len(s.sent), err)
		}
	})
}

// A request that found no connection changed nothing.
func TestNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int, r *http.Request) (*http.Response, error) {
			if n == 3 {
				return success["POST"].to(r)
			}
			httptrace.ContextClientTrace(r.Context()).GetConn("api.test:443")
			return nil, errors.New("no such host")
		}}
		if err := calls["POST"](t.Context(), newClient(t, s)); err != nil || len(s.sent) != 4 {
			t.Errorf("%d requests, error %v", len(s.sent), err)
		}
	})
}

func TestOneThrottledCallHoldsAllOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int, r *http.Request) (*http.Response, error) {
			if n == 0 {
				return throttle("60").to(r)
			}
			return success["DELETE"].to(r)
		}}
		c := newClient(t, s)
		start := time.Now()
		go func() { _ = calls["DELETE"](t.Context(), c) }()
		synctest.Wait()
		if err := calls["DELETE"](t.Context(), c); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if d := time.Since(start); d != time.Minute || len(s.sent) != 3 {
			t.Errorf("took %s and %d requests", d, len(s.sent))
		}
	})
}

func TestRequestTimeoutCoversTheBody(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"success":true,`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, func(c *Config) { c.RequestTimeout = 50 * time.Millisecond })
	if err := calls["POST"](t.Context(), c); !errors.Is(err, applier.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "in time") {
		t.Error(err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for method, call := range calls {
			t.Run(fmt.Sprint(status, method), func(t *testing.T) {
				n := 0
				c := serve(t, func(w http.ResponseWriter, r *http.Request) {
					n++
					http.Redirect(w, r, "/elsewhere", status)
				})
				if err := call(t.Context(), c); err == nil || errors.Is(err, applier.ErrOutcomeUnknown) || n != 1 {
					t.Errorf("%d requests, error %v", n, err)
				}
			})
		}
	}
}

// Writes are checked right before each request that writes, even if it waited or is sent again, and
// before no other request.
func TestCheckWrites(t *testing.T) {
	for method, call := range calls {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := replies(reply{status: 429, header: map[string]string{"Retry-After": "2"}, body: "{}"}, refusal(404, 1, "not found"))
				var asked []time.Duration
				start := time.Now()
				lost := errors.New("the lease was lost")
				c := newClient(t, rt).CheckWrites(func() error {
					asked = append(asked, time.Since(start))
					if time.Since(start) > time.Second {
						return lost
					}
					return nil
				})
				err := call(t.Context(), c)
				switch {
				case method == "GET" && (len(asked) > 0 || len(rt.sent) != 2):
					t.Errorf("asked at %v, %d requests", asked, len(rt.sent))
				case method != "GET" && (len(asked) != 2 || asked[1] < 2*time.Second || len(rt.sent) != 1):
					t.Errorf("asked at %v, %d requests", asked, len(rt.sent))
				case method != "GET" && (!errors.Is(err, lost) || !strings.Contains(err.Error(), "not sent: the lease was lost") || errors.Is(err, applier.ErrOutcomeUnknown)):
					t.Error(err)
				}
			})
		})
	}
}
