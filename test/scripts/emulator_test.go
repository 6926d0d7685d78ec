package scripts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/test/program"
)

// TestEmulatorCommand: where Cloudflare's behaviour is not known, flags select either; and
// wrangler's other credential is accepted.
func TestEmulatorCommand(t *testing.T) {
	const alike = `[{"name":"a","value":"v","scopes":["workers"]},{"name":"a","value":"v","scopes":["workers"]}]`
	for _, c := range []struct {
		flags  string
		status int
		left   string
	}{
		{"", http.StatusBadRequest, `"result":[]`},
		{"--partial-bulk-create --name-conflict-status 409", http.StatusConflict, `"status":"active"`},
		{"--partial-bulk-create --pending-for 1h", http.StatusBadRequest, `"status":"pending"`},
	} {
		t.Run(c.flags, func(t *testing.T) {
			send := startEmulatorCommand(t, strings.Fields(c.flags)...)
			_, created := send("POST", "/stores", `{"name":"prod"}`)
			_, rest, _ := strings.Cut(created, `"id":"`)
			secrets := "/stores/" + rest[:32] + "/secrets"
			if status, text := send("POST", secrets, alike); status != c.status {
				t.Errorf("a name that is in use: %d %s", status, text)
			}
			if _, text := send("GET", secrets, ""); !strings.Contains(text, c.left) {
				t.Errorf("then there is %s, want %s", text, c.left)
			}
		})
	}
	code, said := program.Program{}.Run(t.Context(), "emulator", "--name-conflict-status", "418")
	if code != program.Error || !strings.Contains(said, "400 or 409") {
		t.Errorf("%d %s", code, said)
	}
}

// TestEmulatorTokens: --token names the only valid credentials, and what each may do.
func TestEmulatorTokens(t *testing.T) {
	for token, want := range map[string]string{
		"a user's key=Secrets Store Write": "200 200", "a user's key=Secrets Store Read": "200 403", "a user's key=Workers Scripts Edit": "403 403",
		"another=Secrets Store Write": "401 401",
	} {
		send := startEmulatorCommand(t, "--token", token)
		read, _ := send("GET", "/stores", "")
		written, _ := send("POST", "/stores", `{"name":"prod"}`)
		if got := fmt.Sprint(read, written); got != want {
			t.Errorf("%s: reading and writing give %s, want %s", token, got, want)
		}
	}
	code, said := program.Program{}.Run(t.Context(), "emulator", "--token", "ci=Secrets Store")
	if code != program.Error || !strings.Contains(said, `unknown permission "Secrets Store"`) {
		t.Errorf("%d %s", code, said)
	}
}

// TestEmulatorKeepsValues: values are kept only with --keep-values, which says so.
func TestEmulatorKeepsValues(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		dir := t.TempDir()
		t.Chdir(dir)
		flags := []string{"--state", "state.json"}
		if keeps {
			flags = append(flags, "--keep-values")
		}
		var said lockedBuffer
		send := startEmulatorCommandSaying(t, &said, flags...)
		_, created := send("POST", "/stores", `{"name":"prod"}`)
		_, rest, _ := strings.Cut(created, `"id":"`)
		send("POST", "/stores/"+rest[:32]+"/secrets", `[{"name":"a","value":"a made-up value","scopes":["workers"]}]`)
		data, err := os.ReadFile("state.json")
		if err != nil {
			t.Fatal(err)
		}
		if kept := bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString([]byte("a made-up value")))); kept != keeps {
			t.Errorf("--keep-values %v: the state file has the value: %v", keeps, kept)
		}
		warned := strings.Contains(said.String(), "warning: values are kept in plain text in state.json, because of --keep-values: use made-up values only\n")
		if warned != keeps {
			t.Errorf("--keep-values %v: it says %q", keeps, said.String())
		}
	}
}

// startEmulatorCommand runs secretsync emulator, and returns a function that sends it
// requests.
func startEmulatorCommand(t *testing.T, flags ...string) func(method, path, body string) (int, string) {
	return startEmulatorCommandSaying(t, io.Discard, flags...)
}

// lockedBuffer can be read while the program writes to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startEmulatorCommandSaying is startEmulatorCommand with a place for standard error. It has all
// warnings when the first request is sent.
func startEmulatorCommandSaying(t *testing.T, said io.Writer, flags ...string) func(method, path, body string) (int, string) {
	ctx, stop := context.WithCancel(t.Context())
	out, w := io.Pipe()
	ended := make(chan int)
	go func() {
		code, _ := program.Program{Out: w, Err: said}.Run(ctx, append([]string{"emulator", "--listen", "127.0.0.1:0"}, flags...)...)
		ended <- code
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != program.OK {
			t.Errorf("it ends with %d", code)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	base := strings.TrimSpace(strings.TrimPrefix(line, "export CLOUDFLARE_API_BASE_URL="))
	return func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/accounts/%s/secrets_store%s", base, program.Account, path), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Email", "user@example.com")
		req.Header.Set("X-Auth-Key", "a user's key")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
}
