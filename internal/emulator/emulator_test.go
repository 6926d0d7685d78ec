package emulator_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

const account = "0123456789abcdef0123456789abcdef"

// client calls a server without a network.
type client struct {
	*testing.T
	server  http.Handler
	account string
	token   string
}

// reply is an answer's envelope, with its status and headers.
type reply struct {
	status  int
	header  http.Header
	text    string
	Success bool
	Errors  []struct {
		Code    int
		Message string
	}
	Messages   *[]any
	Result     json.RawMessage
	ResultInfo map[string]int `json:"result_info"`
}

type secret struct {
	ID       string
	StoreID  string `json:"store_id"`
	Name     string
	Comment  *string
	Scopes   []string
	Status   string
	Created  string
	Modified string
}

type store struct {
	ID, Name, Created, Modified string
	AccountID                   string `json:"account_id"`
}

func newServer(t *testing.T, opts emulator.Options) *emulator.Server {
	t.Helper()
	s, err := emulator.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newClient(t *testing.T, opts emulator.Options) (*client, *emulator.Server) {
	t.Helper()
	s := newServer(t, opts)
	return &client{t, s, account, rand.Text()}, s
}

// send sends a body, which is JSON text or a value to encode.
func (c *client) send(method, path string, body any) reply {
	c.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		text = string(data)
	}
	if strings.HasPrefix(path, "/") {
		path = "client/v4/accounts/" + c.account + "/secrets_store" + path
	}
	req, err := http.NewRequestWithContext(c.Context(), method, "http://localhost/"+path, strings.NewReader(text))
	if err != nil {
		c.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, req)
	r := reply{status: w.Code, header: w.Header(), text: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		c.Fatalf("%s %s: not an envelope: %s", method, path, r.text)
	}
	if r.Errors == nil || r.Messages == nil || r.Success != (len(r.Errors) == 0) {
		c.Errorf("%s %s: malformed envelope %s", method, path, r.text)
	}
	return r
}

// get sends a request that must succeed, and decodes the result.
func get[T any](c *client, method, path string, body any) T {
	c.Helper()
	r := c.send(method, path, body)
	var result T
	if !r.Success || r.status != http.StatusOK {
		c.Fatalf("%s %s: %d %s", method, path, r.status, r.text)
	}
	if err := json.Unmarshal(r.Result, &result); err != nil {
		c.Fatal(err)
	}
	return result
}

// refused sends a request that must fail, and checks the error, such as "400 1001 message".
func (c *client) refused(method, path string, body any, want string) {
	c.Helper()
	r := c.send(method, path, body)
	got := fmt.Sprint(r.status)
	for _, e := range r.Errors {
		got += fmt.Sprintf(" %d %s", e.Code, e.Message)
	}
	if got != want || r.Success || string(r.Result) != "null" {
		c.Errorf("%s %s: %s, want %s", method, path, r.text, want)
	}
}

func (c *client) newStore(name string) string {
	c.Helper()
	return get[store](c, "POST", "/stores", map[string]string{"name": name}).ID
}

func item(name, value string) map[string]any {
	return map[string]any{"name": name, "value": value, "scopes": []string{"workers"}}
}

// with returns a copy of m that has another value for key; nil removes it.
func with(m map[string]any, key string, value any) map[string]any {
	c := map[string]any{}
	for k, v := range m {
		c[k] = v
	}
	c[key] = value
	if value == nil {
		delete(c, key)
	}
	return c
}

func (c *client) newSecret(storeID, name, value string) secret {
	c.Helper()
	return get[[]secret](c, "POST", "/stores/"+storeID+"/secrets", []any{item(name, value)})[0]
}

func (c *client) list(storeID string) []secret {
	c.Helper()
	return get[[]secret](c, "GET", "/stores/"+storeID+"/secrets?order=name&direction=asc&per_page=100", nil)
}

// clock is a time that advances only when a test moves it.
type clock struct{ time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)} }

func (c *clock) now() time.Time { return c.Time }

func (c *clock) add(d time.Duration) { c.Time = c.Add(d) }
