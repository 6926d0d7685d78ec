package cloudflare

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// readsName is a call that reads a result and its result_info.
func readsName(name, cursor *string) Call {
	return Call{
		Op: "reading a name", Method: http.MethodGet, Path: []string{"workers", "a b/../c", "settings"},
		Query: url.Values{"limit": {"5"}}, Header: http.Header{"X-Extra": {"1"}}, Permission: "Workers Scripts Read",
		Read: func(result, info json.RawMessage) bool {
			var r struct{ Name string }
			var i struct{ Cursor string }
			ok := json.Unmarshal(result, &r) == nil && json.Unmarshal(info, &i) == nil && r.Name != ""
			*name, *cursor = r.Name, i.Cursor
			return ok
		},
	}
}

func TestCall(t *testing.T) {
	s := replies(reply{body: `{"success":true,"errors":[],"result":{"name":"x"},"result_info":{"cursor":"next"}}`})
	var name, cursor string
	if err := newClient(t, s).Call(t.Context(), readsName(&name, &cursor)); err != nil {
		t.Fatal(err)
	}
	if name != "x" || cursor != "next" {
		t.Errorf("name %q, cursor %q", name, cursor)
	}
	got := s.sent[0]
	if !strings.HasSuffix(got.path, "/accounts/"+account+"/workers/a b/../c/settings") || got.query != "limit=5" {
		t.Errorf("sent to %s?%s", got.path, got.query)
	}
	if got.header.Get("Authorization") != "Bearer "+token || got.header.Get("X-Extra") != "1" {
		t.Errorf("headers %v", got.header)
	}
}

// A segment cannot lead to another endpoint.
func TestCallPath(t *testing.T) {
	for _, segment := range []string{"", ".", ".."} {
		s := replies(reply{body: `{"success":true}`})
		err := newClient(t, s).Call(t.Context(), Call{Op: "reading", Method: http.MethodGet, Path: []string{"workers", segment}})
		if err == nil || len(s.sent) > 0 {
			t.Errorf("segment %q: error %v, %d requests", segment, err, len(s.sent))
		}
	}
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { path = r.URL.EscapedPath() }))
	defer server.Close()
	c, err := New(Config{BaseURL: server.URL + "/client/v4/", Token: token, AccountID: account})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Call(t.Context(), Call{Op: "reading", Method: http.MethodGet, Path: []string{"a/../../b?c#d"}})
	if want := "/client/v4/accounts/" + account + "/a%2F..%2F..%2Fb%3Fc%23d"; path != want {
		t.Errorf("sent to %s, want %s", path, want)
	}
}

// A token without the permission is refused like a valid one now and then, so the call is sent
// once more, and the error names the permission.
func TestCallPermission(t *testing.T) {
	for _, worked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := replies(refusal(403, 10000, "Authentication error"))
			c := newClient(t, s)
			c.worked.Store(worked)
			var name, cursor string
			err := c.Call(t.Context(), readsName(&name, &cursor))
			if err == nil || !strings.Contains(err.Error(), `lacks the permission "Workers Scripts Read" for this`) {
				t.Errorf("worked %v: %v", worked, err)
			}
			if len(s.sent) != newTokenTries {
				t.Errorf("worked %v: %d requests, want %d", worked, len(s.sent), newTokenTries)
			}
		})
	}
}

// A POST that changes nothing is repeated after an unclear answer, with its body, and can be given
// up; another one is not. The body is wiped in the end.
func TestCallReadOnly(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := replies(reply{status: 502}, reply{body: `{"success":true,"result":{}}`})
			body := []byte("the body")
			err := newClient(t, s).Call(t.Context(), Call{
				Op: "uploading", Method: http.MethodPost, Path: []string{"workers"}, Body: body, ContentType: "text/x", ReadOnly: readOnly,
			})
			if (err == nil) != readOnly || len(s.sent) != map[bool]int{false: 1, true: 2}[readOnly] {
				t.Errorf("read-only %v: %d requests, error %v", readOnly, len(s.sent), err)
			}
			for _, r := range s.sent {
				if r.body != "the body" || r.header.Get("Content-Type") != "text/x" {
					t.Errorf("sent %q as %q", r.body, r.header.Get("Content-Type"))
				}
			}
			if string(body) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
				t.Errorf("the body is %q in the end", body)
			}
		})
	}
}

// Names that the caller chose are found in Cloudflare's message, which no formatting shows.
func TestNames(t *testing.T) {
	s := replies(refusal(400, 10182, "binding 'B_7' and binding 'B_9' canary-text"))
	err := newClient(t, s).Call(t.Context(), Call{Op: "uploading", Method: http.MethodPost, Path: []string{"workers"}})
	e, ok := err.(*Error)
	if !ok || !e.Names("B_7") || !e.Names("B_9") || e.Names("B_") || e.Names("B_8") || !slices.Contains(e.Codes, 10182) {
		t.Errorf("%v, want the two names", err)
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(text, "canary-text") {
			t.Errorf("Cloudflare's text is shown: %s", text)
		}
	}
	if e := new(Error); e.Names("B_7") || e.ForbidsBinding() {
		t.Error("a message is found without an answer")
	}
}

// A request to another server carries no token, follows no redirect, reads no more than it
// should, and is logged without its path and headers.
func TestFetch(t *testing.T) {
	var requests []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		if r.URL.Path == "/moved-canary" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, strings.Repeat("x", 100))
	}))
	defer server.Close()
	var log strings.Builder
	c, err := New(Config{
		BaseURL: "https://api.invalid", Token: token, AccountID: account,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Preview", "header-canary")
		return req
	}
	if status, body, err := c.Fetch(get("/long-canary"), 7); status != 200 || string(body) != "xxxxxxx" || err != nil {
		t.Errorf("status %d, body %q, error %v", status, body, err)
	}
	if status, _, err := c.Fetch(get("/moved-canary"), 7); status != http.StatusFound || err != nil {
		t.Errorf("a redirect: status %d, error %v", status, err)
	}
	req := get("/")
	req.Header.Set("Authorization", "Bearer x")
	if _, _, err := c.Fetch(req, 7); err == nil {
		t.Error("a request with a credential was sent")
	}
	if len(requests) != 2 {
		t.Errorf("%d requests, want 2", len(requests))
	}
	for _, r := range requests {
		if r.Header.Get("Authorization") != "" {
			t.Error("the API token was sent to another server")
		}
	}
	if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "request elsewhere") {
		t.Errorf("the log: %s", log.String())
	}
	server.Close()
	if _, _, err := c.Fetch(get("/"), 7); err == nil || !strings.Contains(err.Error(), "connection failed") {
		t.Errorf("error %v", err)
	}
}
