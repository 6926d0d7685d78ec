package edgepreview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
)

const (
	account  = "0123456789abcdef0123456789abcdef"
	apiToken = "canary-token-9Zq7"
	apiBase  = "https://api.cloudflare.com/client/v4"
)

// sent is a request as a server gets it.
type sent struct {
	method, url string
	header      http.Header
	body        string
}

// network answers requests by host and path, and records them.
type network struct {
	answers map[string]reply // by method, host and path without the account's

	mu   sync.Mutex
	sent []sent
	log  strings.Builder
}

type reply struct {
	status int
	body   string
	header http.Header
	err    error
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, sent{r.Method, r.URL.String(), r.Header, string(body)})
	key := r.Method + " " + r.URL.Host + strings.Replace(r.URL.Path, "/client/v4/accounts/"+account, "", 1)
	a, found := n.answers[key]
	if !found {
		return nil, fmt.Errorf("unexpected request: %s", key)
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		StatusCode: max(a.status, 200), Header: a.header.Clone(), Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

func (n *network) paths() []string {
	var paths []string
	for _, s := range n.sent {
		paths = append(paths, s.method+" "+strings.Replace(s.url, apiBase+"/accounts/"+account, "", 1))
	}
	return paths
}

func result(text string) reply {
	return reply{body: `{"success":true,"errors":[],"result":` + text + `}`}
}

func refusal(status, code int, message string) reply {
	return reply{status: status, body: fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%q}],"result":null}`, code, message)}
}

const (
	getSubdomain = "GET api.cloudflare.com/workers/subdomain"
	getSession   = "GET api.cloudflare.com/workers/subdomain/edge-preview"
	postUpload   = "POST api.cloudflare.com/workers/scripts/secretsync-verify-1/edge-preview"
	postRun      = "POST secretsync-verify-1.sub.workers.dev/"
	exchangeURL  = "https://x.sub.workers.dev/cdn-cgi/exchange?t=canary-query"
	getExchange  = "GET x.sub.workers.dev/cdn-cgi/exchange"
)

func newNetwork() *network {
	return &network{answers: map[string]reply{
		getSubdomain: result(`{"subdomain":"sub"}`),
		getSession:   result(`{"token":"canary-session"}`),
		postUpload:   result(`{"preview_token":"canary-preview"}`),
		postRun:      {body: "the answer"},
	}}
}

func (n *network) exchanging(exchanged reply) *network {
	n.answers[getSession] = result(`{"token":"canary-session","exchange_url":"` + exchangeURL + `"}`)
	n.answers[getExchange] = exchanged
	return n
}

func (n *network) previewer(t *testing.T) *Previewer {
	t.Helper()
	c, err := cloudflare.New(cloudflare.Config{
		BaseURL: apiBase, Token: apiToken, AccountID: account, Transport: n, UserAgent: "secretsync/test",
		Log: slog.New(slog.NewTextHandler(&n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(c)
}

func upload() witness.Upload {
	return witness.Upload{
		Name: "secretsync-verify-1", File: "witness.js", Module: []byte("export default {}\n"), CompatibilityDate: "2025-09-01",
		Texts: []witness.TextBinding{{Binding: "KEY", Text: secret.New([]byte("canary+key/="))}},
		Secrets: []witness.SecretBinding{
			{Binding: "S_1", StoreID: "store-id", SecretName: "api-key"}, {Binding: "S_12", StoreID: "store-id", SecretName: `a"b`},
		},
	}
}

// The requests of a preview: the API token goes to the API only, and each token where it belongs.
func TestPreview(t *testing.T) {
	for name, exchanged := range map[string]bool{"without an exchange": false, "with an exchange": true} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork()
			want := []string{"GET /workers/subdomain", "GET /workers/subdomain/edge-preview"}
			token := "canary-session"
			if exchanged {
				n.exchanging(reply{body: `{"token":"canary-exchanged","prewarm":"https://elsewhere.test/"}`})
				want, token = append(want, "GET "+exchangeURL), "canary-exchanged"
			}
			want = append(want, "POST /workers/scripts/secretsync-verify-1/edge-preview", "POST https://secretsync-verify-1.sub.workers.dev/")
			preview, err := n.previewer(t).Preview(t.Context(), upload())
			if err != nil {
				t.Fatal(err)
			}
			status, answer, err := preview.Post(t.Context(), []byte("the question"), 5)
			if status != 200 || string(answer) != "the a" || err != nil {
				t.Errorf("HTTP %d, %q, %v", status, answer, err)
			}
			if got := n.paths(); !slices.Equal(got, want) {
				t.Errorf("requests %q\nwant %q", got, want)
			}
			for _, s := range n.sent {
				api := strings.HasPrefix(s.url, apiBase)
				if got := s.header.Get("Authorization"); api && got != "Bearer "+apiToken || !api && got != "" {
					t.Errorf("%s: Authorization %q", s.url, got)
				}
				isUpload, isRun := strings.Contains(s.url, "/scripts/"), strings.HasSuffix(s.url, ".workers.dev/")
				if got := s.header.Get("Cf-Preview-Upload-Config-Token"); (got == token) != isUpload || got != "" && !isUpload {
					t.Errorf("%s: upload token %q", s.url, got)
				}
				if got := s.header.Get("Cf-Workers-Preview-Token"); (got == "canary-preview") != isRun || got != "" && !isRun {
					t.Errorf("%s: preview token %q", s.url, got)
				}
				if isRun && s.body != "the question" || s.header.Get("User-Agent") != "secretsync/test" {
					t.Errorf("%s: body %q, headers %v", s.url, s.body, s.header)
				}
			}
			if log := n.log.String(); strings.Contains(log, "canary") || strings.Count(log, "msg=") != len(want) {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

func TestUpload(t *testing.T) {
	n := newNetwork()
	if _, err := n.previewer(t).Preview(t.Context(), upload()); err != nil {
		t.Fatal(err)
	}
	last := n.sent[len(n.sent)-1]
	kind, params, err := mime.ParseMediaType(last.header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		t.Fatal(kind, err)
	}
	type part struct{ name, file, kind, text string }
	var parts []part
	form := multipart.NewReader(strings.NewReader(last.body), params["boundary"])
	for {
		p, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(p)
		parts = append(parts, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(text)})
	}
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	if want := (part{"witness.js", "witness.js", "application/javascript+module", "export default {}\n"}); parts[1] != want {
		t.Errorf("module: %+v", parts[1])
	}
	if want := (part{"wrangler-session-config", "", "application/json", `{"workers_dev":true,"minimal_mode":true}`}); parts[2] != want {
		t.Errorf("session: %+v", parts[2])
	}
	var metadata struct {
		MainModule        string `json:"main_module"`
		CompatibilityDate string `json:"compatibility_date"`
		Bindings          []map[string]string
	}
	if err := json.Unmarshal([]byte(parts[0].text), &metadata); err != nil || parts[0].name != "metadata" {
		t.Fatalf("metadata: %v, %+v", err, parts[0])
	}
	want := []map[string]string{
		{"type": "secret_text", "name": "KEY", "text": "canary+key/="},
		{"type": "secrets_store_secret", "name": "S_1", "store_id": "store-id", "secret_name": "api-key"},
		{"type": "secrets_store_secret", "name": "S_12", "store_id": "store-id", "secret_name": `a"b`},
	}
	if fmt.Sprint(metadata.Bindings) != fmt.Sprint(want) || metadata.MainModule != "witness.js" || metadata.CompatibilityDate != "2025-09-01" {
		t.Errorf("metadata: %+v", metadata)
	}
}

// The texts of an upload have one copy, which is wiped, and may not need an escape.
func TestEncodeKeepsNoCopy(t *testing.T) {
	u := upload()
	for i := range 60 {
		u.Secrets = append(u.Secrets, witness.SecretBinding{Binding: fmt.Sprint("S_", i), StoreID: strings.Repeat("a", 64), SecretName: strings.Repeat("b", 255)})
	}
	body, _, err := encode(u)
	if err != nil {
		t.Fatal(err)
	}
	size := len(u.Module) + 1024*(4+len(u.Secrets)+len(u.Texts)) + len(u.Texts[0].Text.Reveal())
	if cap(body) != size {
		t.Errorf("the buffer was replaced: capacity %d, at first %d", cap(body), size)
	}
	for _, text := range []string{`a"b`, `a\b`, "a\nb", "ä", "a\x00"} {
		u.Texts[0].Text = secret.New([]byte(text))
		if _, _, err := encode(u); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Several previews read the subdomain once.
func TestSubdomainIsReadOnce(t *testing.T) {
	n := newNetwork()
	p := n.previewer(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := p.Preview(t.Context(), upload()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := 0
	for _, path := range n.paths() {
		if path == "GET /workers/subdomain" {
			count++
		}
	}
	if count != 1 || len(n.sent) != 9 {
		t.Errorf("%d times, of %d requests", count, len(n.sent))
	}
}

// The failed step is named, with what to do, and no part of Cloudflare's text is shown.
func TestFailures(t *testing.T) {
	denied := refusal(403, 10000, "canary Authentication error")
	for name, tt := range map[string]struct {
		request string
		answer  reply
		step    witness.Step
		want    string
	}{
		"no subdomain":              {getSubdomain, refusal(404, 10007, "canary"), witness.StepSubdomain, "Workers & Pages"},
		"no permission":             {getSubdomain, denied, witness.StepSubdomain, `"Workers Scripts Edit"`},
		"subdomain with a path":     {getSubdomain, result(`{"subdomain":"evil.test/canary"}`), witness.StepSubdomain, "incomplete"},
		"subdomain with a dot":      {getSubdomain, result(`{"subdomain":"a.b"}`), witness.StepSubdomain, "incomplete"},
		"subdomain is empty":        {getSubdomain, result(`{"subdomain":""}`), witness.StepSubdomain, "incomplete"},
		"subdomain unreachable":     {getSubdomain, reply{err: errors.New("canary")}, witness.StepSubdomain, "connection failed"},
		"token refused":             {getSession, denied, witness.StepToken, `"Workers Scripts Edit"`},
		"no token":                  {getSession, result(`{"token":""}`), witness.StepToken, "incomplete"},
		"token with a line break":   {getSession, result(`{"token":"canary\r\nX: y"}`), witness.StepToken, "incomplete"},
		"token endless":             {getSession, result(`{"token":"` + strings.Repeat("x", 20000) + `"}`), witness.StepToken, "incomplete"},
		"HTML instead of a token":   {getSession, reply{body: "<html>canary"}, witness.StepToken, "not from the API"},
		"redirect":                  {getSession, reply{status: 302, header: http.Header{"Location": {"https://evil.test/canary"}}}, witness.StepToken, "redirect"},
		"upload refused":            {postUpload, denied, witness.StepUpload, `"Workers Scripts Edit"`},
		"module refused":            {postUpload, refusal(400, 10021, "canary SyntaxError"), witness.StepUpload, "code 10021"},
		"upload unreachable":        {postUpload, reply{err: errors.New("canary")}, witness.StepUpload, "connection failed"},
		"upload, internal error":    {postUpload, reply{status: 500, body: "canary"}, witness.StepUpload, "HTTP 500"},
		"no preview token":          {postUpload, result(`{}`), witness.StepUpload, "incomplete"},
		"upload moved":              {postUpload, reply{status: 307, header: http.Header{"Location": {"https://evil.test/canary"}}}, witness.StepUpload, "redirect"},
		"preview token with spaces": {postUpload, result(`{"preview_token":"a b"}`), witness.StepUpload, "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				n.answers[tt.request] = tt.answer
				_, err := n.previewer(t).Preview(t.Context(), upload())
				failed, ok := errors.AsType[*witness.StepError](err)
				if !ok || failed.Step != tt.step || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v; want step %s and %q", err, tt.step, tt.want)
				}
				if _, refused := errors.AsType[*witness.BindingError](err); refused {
					t.Errorf("%v is taken for a refusal of bindings", err)
				}
				if text := fmt.Sprintf("%v %+v %s", err, err, n.log.String()); strings.Contains(text, "canary") {
					t.Errorf("Cloudflare's text or a token is shown: %s", text)
				}
				for _, s := range n.sent {
					if !strings.HasPrefix(s.url, apiBase) {
						t.Errorf("a request was sent to %s", s.url)
					}
				}
			})
		})
	}
}

// An exchange that fails is made up for by the session's token. If that does not serve, the
// exchange is named.
func TestExchangeFails(t *testing.T) {
	for name, answer := range map[string]reply{
		"unreachable": {err: errors.New("canary")}, "refused": {status: 403, body: "canary"}, "HTML": {body: "<html>canary"}, "no token": {body: `{}`},
		"redirect": {status: 302, header: http.Header{"Location": {"https://evil.test/"}}}, "token with a space": {body: `{"token":"a b"}`},
		"huge": {body: `{"token":"x","more":"` + strings.Repeat("x", maxExchange) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork().exchanging(answer)
				if _, err := n.previewer(t).Preview(t.Context(), upload()); err != nil {
					t.Error(err)
				}
				if got := n.sent[len(n.sent)-1].header.Get("Cf-Preview-Upload-Config-Token"); got != "canary-session" {
					t.Errorf("uploaded with %q", got)
				}
				n.answers[postUpload] = refusal(400, 10999, "canary")
				_, err := n.previewer(t).Preview(t.Context(), upload())
				failed, ok := errors.AsType[*witness.StepError](err)
				if !ok || failed.Step != witness.StepExchange || !strings.Contains(err.Error(), "code 10999") || strings.Contains(err.Error(), "canary") {
					t.Error(err)
				}
				n.answers[postUpload] = refusal(400, 10182, "Secrets Store binding 'S_1' references store 'x' and secret 'y' which were not found")
				_, err = n.previewer(t).Preview(t.Context(), upload())
				if failed, _ := errors.AsType[*witness.StepError](err); failed == nil || failed.Step != witness.StepUpload {
					t.Error(err)
				}
			})
		})
	}
}

func TestRefusedBindings(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   reply
		bindings []string
		notFound bool
	}{
		"not found":        {refusal(400, 10182, "Secrets Store binding 'S_12' references store 'S_x' and secret 'canary' which were not found"), []string{"S_12"}, true},
		"not found, which": {refusal(400, 10182, "canary"), nil, true},
		"not allowed":      {refusal(403, 10021, "Secrets store binding authorization failed. Check your permissions and secret scopes canary"), nil, false},
		"in other letters": {refusal(403, 10021, "SECRETS STORE binding authorization failed: canary"), nil, false},
		"another reason":   {refusal(400, 10999, "binding S_1: canary"), []string{"S_1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork()
			n.answers[postUpload] = tt.answer
			_, err := n.previewer(t).Preview(t.Context(), upload())
			refused, ok := errors.AsType[*witness.BindingError](err)
			if !ok || !slices.Equal(refused.Bindings, tt.bindings) || refused.NotFound != tt.notFound {
				t.Fatalf("%v: %+v", err, refused)
			}
			if strings.Contains(err.Error(), `"Workers Scripts Edit"`) {
				t.Errorf("the permission for another thing is said to be missing: %v", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("Cloudflare's text is shown: %v", err)
			}
			if len(n.sent) != 3 {
				t.Errorf("%d requests", len(n.sent))
			}
		})
	}
}

// Only Cloudflare's own hosts are asked to exchange a token, and an emulator only at its own origin.
func TestExchangeURL(t *testing.T) {
	for _, tt := range []struct {
		api, text string
		ok        bool
	}{
		{apiBase, "https://x.sub.workers.dev/p?q=1", true}, {apiBase, "https://sub.workers.dev/", true}, {apiBase, "https://SUB.Workers.dev:443/", true},
		{apiBase, "https://preview.cloudflare.com/", true}, {apiBase, "https://rawhttp.cloudflareworkers.com/", false},
		{apiBase, "http://x.sub.workers.dev/", false}, {apiBase, "https://x.sub.workers.dev:8443/", false}, {apiBase, "https://u@x.sub.workers.dev/", false},
		{apiBase, "https://evil.workers.dev/", false}, {apiBase, "https://evilsub.workers.dev/", false}, {apiBase, "https://workers.dev/", false},
		{apiBase, "https://sub.workers.dev.evil.test/", false}, {apiBase, "https://evilcloudflare.com/", false}, {apiBase, "https://evil.test/cloudflare.com", false},
		{apiBase, "https://evil.test#.cloudflare.com", false}, {apiBase, `https://evil.test\.cloudflare.com/`, false}, {apiBase, "//x.cloudflare.com/", false},
		{apiBase, "https:x.cloudflare.com", false}, {apiBase, "file:///etc/passwd", false}, {apiBase, "/relative", false}, {apiBase, "https://", false},
		{apiBase, "https://cloudflare.com@evil.test/", false}, {apiBase, "https://cloudflare.com%2eevil.test/", false}, {apiBase, "https://[::1]/", false},
		{apiBase, "http://127.0.0.1/", false}, {apiBase, "https://169.254.169.254/", false}, {apiBase, "https://x.fed.workers.dev/", false},
		{"https://api.fed.cloudflare.com/client/v4", "https://x.sub.fed.workers.dev/", true}, {"https://api.fed.cloudflare.com/client/v4", "https://x.sub.workers.dev/", false},
		{"http://127.0.0.1:8787/client/v4", "http://127.0.0.1:8787/exchange", true}, {"http://127.0.0.1:8787/client/v4", "http://127.0.0.1:8788/exchange", false},
		{"http://127.0.0.1:8787/client/v4", "https://x.cloudflare.com/", false}, {"http://localhost/client/v4", "http://127.0.0.1/", false},
	} {
		api, err := url.Parse(tt.api)
		if err != nil {
			t.Fatal(err)
		}
		if u, err := checkExchangeURL(tt.text, api, "sub"); (err == nil) != tt.ok {
			t.Errorf("%s, of the API at %s: %v, %v", tt.text, tt.api, u, err)
		}
	}
}

// An address that is not Cloudflare's gets no request.
func TestForeignExchange(t *testing.T) {
	n := newNetwork()
	n.answers[getSession] = result(`{"token":"canary-session","exchange_url":"https://evil.test/canary"}`)
	if _, err := n.previewer(t).Preview(t.Context(), upload()); err != nil || len(n.sent) != 3 {
		t.Errorf("%v, %d requests", err, len(n.sent))
	}
	n.answers[postUpload] = refusal(400, 10999, "canary")
	_, err := n.previewer(t).Preview(t.Context(), upload())
	if err == nil || !strings.Contains(err.Error(), `"exchange"`) || !strings.Contains(err.Error(), "not one of Cloudflare's") || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestPreviewURL(t *testing.T) {
	for _, tt := range []struct{ api, name, want string }{
		{apiBase, "w-1", "https://w-1.sub.workers.dev/"},
		{"https://api.fed.cloudflare.com/client/v4", "w-1", "https://w-1.sub.fed.workers.dev/"},
		{"http://127.0.0.1:8787/client/v4", "w-1", "http://127.0.0.1:8787/__preview/w-1/"},
		{"https://[::1]:1/x", "w-1", "https://[::1]:1/__preview/w-1/"},
		{apiBase, "", ""}, {apiBase, "a.b", ""}, {apiBase, "a/b", ""}, {apiBase, "-a", ""}, {apiBase, "evil.test#", ""}, {apiBase, strings.Repeat("a", 64), ""},
	} {
		api, err := url.Parse(tt.api)
		if err != nil {
			t.Fatal(err)
		}
		u, err := previewURL(api, tt.name, "sub")
		if err == nil != (tt.want != "") || err == nil && u.String() != tt.want {
			t.Errorf("%s at %s: %v, %v", tt.name, tt.api, u, err)
		}
	}
}

// A preview that answers too slowly is abandoned, and so is an answer that never ends.
func TestSlowAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/subdomain"):
			_, _ = io.WriteString(w, result(`{"subdomain":"sub"}`).body)
		case strings.HasSuffix(r.URL.Path, "/subdomain/edge-preview"):
			_, _ = io.WriteString(w, result(`{"token":"session"}`).body)
		case strings.HasSuffix(r.URL.Path, "/edge-preview"):
			_, _ = io.WriteString(w, result(`{"preview_token":"preview"}`).body)
		default: // the preview
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}
	}))
	defer server.Close()
	c, err := cloudflare.New(cloudflare.Config{BaseURL: server.URL, Token: apiToken, AccountID: account, RequestTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	preview, err := New(c).Preview(t.Context(), upload())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, _, err := preview.Post(t.Context(), nil, 1<<20); err == nil || !strings.Contains(err.Error(), "in time") || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, _, err := preview.Post(ctx, nil, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if status, answer, err := preview.Post(t.Context(), nil, 3); status != 200 || string(answer) != "xxx" || err != nil {
		t.Errorf("HTTP %d, %q, %v", status, answer, err)
	}
}
