package scripts

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// TestProxy runs the program behind an HTTPS proxy and with a private certificate authority, as
// in many companies: HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are net/http's and crypto/x509's,
// and have to work for Cloudflare's API.
func TestProxy(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE is for systems without an authority store of their own")
	}
	api, err := emulator.New(emulator.Options{})
	program.Must(t, err)
	server := httptest.NewTLSServer(api) // its certificate is for example.com and its subdomains
	t.Cleanup(server.Close)
	proxy := newProxy(t, server.Listener.Addr().String())
	for _, tt := range []struct {
		name string
		env  map[string]string
		code int
		want string
	}{
		{"proxy and authority", nil, program.OK, "+ create  a"},
		{"no authority", map[string]string{"SSL_CERT_FILE": os.DevNull}, program.Error, "the server's certificate is not trusted here"},
		{"wrong login", map[string]string{"HTTPS_PROXY": "http://user:wrong@" + proxy}, program.Error, "the proxy wants a login (HTTP 407)"},
		{"no proxy", map[string]string{"NO_PROXY": "127.0.0.1,.example.com", "HTTPS_PROXY": "http://127.0.0.1:1"}, program.Error, "the connection failed: dial tcp: lookup api.example.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := program.NewProject(t, "https://api.example.com/client/v4")
			p.Write("secretsync.yaml", "version: 1\nstores:\n  prod:\n    secrets:\n      a: {from: {env: A}}\n")
			p.Write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
			p.Env["A"], p.Env["SSL_CERT_FILE"], p.Env["SSL_CERT_DIR"] = "value", p.Path("ca.pem"), t.TempDir()
			p.Env["HTTPS_PROXY"], p.Env["NO_PROXY"] = "http://user:right@"+proxy, ""
			for name, value := range tt.env {
				p.Env[name] = value
			}
			cmd := p.Process("secretsync", "plan")
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "wrong") {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, tt.code, tt.want, out)
			}
		})
	}
}

// newProxy starts an HTTPS proxy that connects every client with the login user:right to one
// address, and returns its own address.
func newProxy(t *testing.T, target string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpyaWdodA==" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		upstream, err := net.Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(upstream, client); _ = upstream.Close() }()
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
}
