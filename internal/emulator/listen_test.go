package emulator_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

func TestListensOnLoopbackAlone(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "8787", ""} {
		if e, err := emulator.Listen(t.Context(), addr, emulator.Options{}); err == nil {
			e.Stop()
			t.Errorf("it listens on %q", addr)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		e, err := emulator.Listen(t.Context(), addr, emulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		host := strings.TrimSuffix(strings.TrimPrefix(e.BaseURL(), "http://"), "/client/v4")
		if ip, _, err := net.SplitHostPort(host); err != nil || ip != "127.0.0.1" {
			t.Errorf("base URL %s", e.BaseURL())
		}
		e.Stop()
	}
}

func TestStop(t *testing.T) {
	opts := emulator.Options{StateFile: filepath.Join(t.TempDir(), "state.json")}
	for range 2 { // a stopped server releases the port and the state
		e, err := emulator.Embed(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		e.Stop()
		e.Stop()
		if resp, err := http.Get(e.BaseURL()); err == nil {
			resp.Body.Close()
			t.Error("it still answers")
		}
	}
}

func TestPortInUse(t *testing.T) {
	e, err := emulator.Embed(t.Context(), emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	addr := strings.TrimSuffix(strings.TrimPrefix(e.BaseURL(), "http://"), "/client/v4")
	state := filepath.Join(t.TempDir(), "state.json")
	if _, err := emulator.Listen(t.Context(), addr, emulator.Options{StateFile: state}); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v", err)
	}
	_ = newServer(t, emulator.Options{StateFile: state}) // the failed start holds no lock
}

// The log has methods and paths, and nothing else of the requests.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	c, s := newClient(t, emulator.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	id := c.newStore("prod")
	value := rand.Text()
	c.newSecret(id, "name-of-it", value)
	c.send("GET", "/stores/"+id+"/secrets?search="+value, nil)
	for _, line := range []string{
		`"method":"POST","path":"/client/v4/accounts/` + account + `/secrets_store/stores","status":200}`,
		`"method":"GET","path":"/client/v4/accounts/` + account + `/secrets_store/stores/` + id + `/secrets","status":200}`,
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, log.String())
		}
	}
	for _, secret := range []string{value, c.token, "name-of-it"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds what was sent:\n%s", log.String())
		}
	}
	want := emulator.Request{Method: "POST", Path: "/client/v4/accounts/" + account + "/secrets_store/stores", Status: 200}
	if got := s.Requests(); len(got) != 3 || got[0] != want {
		t.Errorf("requests %+v", got)
	}
	s.ResetRequests()
	if got := s.Requests(); len(got) != 0 {
		t.Errorf("after the reset: %+v", got)
	}
}

// The log of a long run is bounded, and keeps the latest requests.
func TestRequestLogIsBounded(t *testing.T) {
	c, s := newClient(t, emulator.Options{RateLimit: -1})
	for range 25_000 {
		c.send("GET", "/quota", nil)
	}
	c.send("GET", "/stores", nil)
	got := s.Requests()
	if n := len(got); n > 20_000 || !strings.HasSuffix(got[n-1].Path, "/stores") {
		t.Errorf("%d requests, the last one %+v", n, got[n-1])
	}
}
