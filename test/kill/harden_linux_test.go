package kill

import (
	"bufio"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/test/program"
)

// TestProcessLeavesNoCore checks the limits of the real program while it runs.
func TestProcessLeavesNoCore(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "secretsync", "emulator", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	program.Must(t, err)
	program.Must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it has started
		t.Fatal(err)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	program.Must(t, err)
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core dumps are allowed:\n%s", limits)
	}
	if os.Getuid() != 0 {
		if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid)); err == nil {
			t.Error("its environment can be read by another process")
		}
	}
}

// TestGoDebug runs the real program with the GODEBUG setting that makes net/http log every
// HTTP/2 header and body.
func TestGoDebug(t *testing.T) {
	spoken := ""
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spoken = r.Proto
		w.WriteHeader(http.StatusForbidden) // not retried
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	program.Must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), cert, 0o600))
	program.Must(t, os.WriteFile(filepath.Join(dir, "secretsync.yaml"), []byte("version: 1\nstores: {prod: {secrets: {a: {from: {env: A}}}}}\n"), 0o600))
	token := "tok_" + rand.Text()
	cmd := exec.CommandContext(t.Context(), "secretsync", "plan")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GODEBUG=http2debug=2", "SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"), "HTTPS_PROXY=", "A=x",
		"CLOUDFLARE_API_BASE_URL="+server.URL, "CLOUDFLARE_API_TOKEN="+token, "CLOUDFLARE_ACCOUNT_ID="+program.Account)
	out, _ := cmd.CombinedOutput() // it fails, because the request is refused
	if spoken != "HTTP/2.0" {
		t.Fatalf("the request came over %q:\n%s", spoken, out)
	}
	if strings.Contains(string(out), token) || strings.Contains(string(out), "authorization") || strings.Contains(string(out), "http2:") {
		t.Errorf("net/http's own log is shown:\n%s", out)
	}
}
