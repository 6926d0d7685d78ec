package preview_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
)

const account = "0123456789abcdef0123456789abcdef"

// client is a client of an emulator that creates previews step by step.
type client struct {
	*testing.T
	*emulator.Embedded
	origin, token, store string
	ids                  map[string]string // of secrets, by name
	now                  func() time.Time
}

func newClient(t *testing.T, opts emulator.Options) *client {
	t.Helper()
	e, err := emulator.Embed(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	c := &client{T: t, Embedded: e, origin: strings.TrimSuffix(e.BaseURL(), "/client/v4"), token: "t", ids: map[string]string{}, now: opts.Now}
	var stores []struct{ ID string }
	if c.do("GET", "/secrets_store/stores", nil, nil, &stores); len(stores) == 0 { // a state file may have one
		var store struct{ ID string }
		c.do("POST", "/secrets_store/stores", nil, []byte(`{"name":"prod"}`), &store)
		stores = append(stores, store)
	}
	c.store = stores[0].ID
	return c
}

// do sends a request to the account's API, decodes the result, and returns the status and the
// body.
func (c *client) do(method, path string, header http.Header, body []byte, result any) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.BaseURL()+"/accounts/"+account+path, bytes.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	status, text := c.send(r)
	if result != nil {
		envelope := struct{ Result any }{result}
		if err := json.Unmarshal([]byte(text), &envelope); status != http.StatusOK || err != nil {
			c.Fatalf("%s %s: %d %s", method, path, status, text)
		}
	}
	return status, text
}

func (c *client) send(r *http.Request) (int, string) {
	c.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (c *client) create(name, value string, scopes ...string) {
	c.Helper()
	if scopes == nil {
		scopes = []string{"workers"}
	}
	body, err := json.Marshal([]map[string]any{{"name": name, "value": value, "scopes": scopes}})
	if err != nil {
		c.Fatal(err)
	}
	var created []struct{ ID string }
	c.do("POST", c.secrets(), nil, body, &created)
	c.ids[name] = created[0].ID
}

func (c *client) secrets() string { return "/secrets_store/stores/" + c.store + "/secrets" }

func (c *client) patch(name, body string) {
	c.Helper()
	c.do("PATCH", c.secrets()+"/"+c.ids[name], nil, []byte(body), &struct{}{})
}

// session starts a session and returns its token and where it is exchanged.
func (c *client) session() (token, exchangeURL string) {
	c.Helper()
	var session struct {
		Token       string
		ExchangeURL string `json:"exchange_url"`
	}
	c.do("GET", "/workers/subdomain/edge-preview", nil, nil, &session)
	return session.Token, session.ExchangeURL
}

// get sends a GET request without the API token.
func (c *client) get(url string) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		c.Fatal(err)
	}
	return c.send(r)
}

// part is a part of an upload.
type part struct{ name, file, kind, content string }

// upload uploads a Worker called shop in a session.
func (c *client) upload(session string, parts ...part) (int, string) {
	c.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, p := range parts {
		disposition := fmt.Sprintf(`form-data; name=%q`, p.name)
		if p.file != "" {
			disposition += fmt.Sprintf(`; filename=%q`, p.file)
		}
		header := textproto.MIMEHeader{"Content-Disposition": {disposition}}
		if p.kind != "" {
			header.Set("Content-Type", p.kind)
		}
		w, err := form.CreatePart(header)
		if err != nil {
			c.Fatal(err)
		}
		if _, err := io.WriteString(w, p.content); err != nil {
			c.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		c.Fatal(err)
	}
	header := http.Header{"Content-Type": {form.FormDataContentType()}, "Cf-Preview-Upload-Config-Token": {session}}
	return c.do("POST", "/workers/scripts/shop/edge-preview", header, body.Bytes(), nil)
}

const workersDev = `{"workers_dev":true,"minimal_mode":true}`

// worker are the parts of an upload of a module, with bindings to secrets of the store by the
// same name, and of texts.
func (c *client) worker(module string, secrets []string, texts map[string]string) []part {
	bindings := []map[string]string{}
	for _, s := range secrets {
		bindings = append(bindings, map[string]string{"type": "secrets_store_secret", "name": s, "store_id": c.store, "secret_name": s})
	}
	for name, text := range texts {
		bindings = append(bindings, map[string]string{"type": "secret_text", "name": name, "text": text})
	}
	metadata, err := json.Marshal(map[string]any{"main_module": "index.js", "bindings": bindings, "compatibility_date": "2025-09-01"})
	if err != nil {
		c.Fatal(err)
	}
	return []part{
		{name: "metadata", content: string(metadata)},
		{name: "wrangler-session-config", content: workersDev},
		{name: "index.js", file: "index.js", kind: "application/javascript+module", content: module},
	}
}

// preview uploads a Worker, and returns the preview's token.
func (c *client) preview(module string, secrets []string, texts map[string]string) string {
	c.Helper()
	session, _ := c.session()
	status, text := c.upload(session, c.worker(module, secrets, texts)...)
	var answer struct {
		Result struct {
			Token string `json:"preview_token"`
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Result.Token == "" {
		c.Fatalf("%d %s", status, text)
	}
	return answer.Result.Token
}

// visit sends a request to a preview.
func (c *client) visit(name, token, path, body string) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.origin+"/__preview/"+name+"/"+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Cf-Workers-Preview-Token", token)
	return c.send(r)
}

// Preview implements [witness.Previewer].
func (c *client) Preview(_ context.Context, u witness.Upload) (witness.Preview, error) {
	texts := map[string]string{}
	for _, b := range u.Texts {
		texts[b.Binding] = string(b.Text.Reveal())
	}
	parts := c.worker(string(u.Module), nil, texts)
	bindings := ""
	for _, s := range u.Secrets {
		bindings += fmt.Sprintf(`{"type":"secrets_store_secret","name":%q,"store_id":%q,"secret_name":%q},`, s.Binding, s.StoreID, s.SecretName)
	}
	parts[0].content = strings.Replace(parts[0].content, `"bindings":[`, `"bindings":[`+bindings, 1)
	session, _ := c.session()
	status, text := c.upload(session, parts...)
	var answer struct {
		Result struct {
			Token string `json:"preview_token"`
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%d %s", status, text)
	}
	return &running{c, answer.Result.Token}, nil
}

type running struct {
	c     *client
	token string
}

// Post implements [witness.Preview].
func (r *running) Post(_ context.Context, body []byte, _ int64) (int, []byte, error) {
	status, text := r.c.visit("shop", r.token, "", string(body))
	return status, []byte(text), nil
}

// late is a client whose requests to a preview come after something else happened.
type late struct {
	*client
	between func()
}

func (l *late) Preview(ctx context.Context, u witness.Upload) (witness.Preview, error) {
	p, err := l.client.Preview(ctx, u)
	l.between()
	return p, err
}

// ask asks the witness whether the live values of secrets are the wanted ones, and returns the
// results, each with the reason.
func (c *client) ask(want map[string]string, names ...string) string {
	c.Helper()
	return c.askBy(c, want, names...)
}

func (c *client) askBy(p witness.Previewer, want map[string]string, names ...string) string {
	c.Helper()
	key := secret.NewKey()
	var questions []witness.Question
	for _, name := range names {
		subject := secret.Subject{AccountID: account, Store: "prod", Secret: name}
		questions = append(questions, witness.Question{
			StoreID: c.store, SecretName: name, Subject: subject,
			Fingerprints: []secret.Fingerprint{key.Fingerprint(subject, secret.New([]byte(want[name])))},
		})
	}
	answers, err := witness.Ask(c.Context(), p, key, questions, witness.Options{Now: c.now})
	if err != nil {
		c.Fatal(err)
	}
	words := map[witness.Answer]string{
		{Result: witness.Match}: "match", {Result: witness.Mismatch}: "mismatch",
		{Result: witness.Unreadable, Reason: witness.ReasonNotFound}: "not found",
		{Result: witness.Unreadable, Reason: witness.ReasonRejected}: "rejected",
	}
	var said []string
	for i, a := range answers {
		word, known := words[a]
		if !known {
			c.Fatalf("%s: %+v", names[i], a)
		}
		said = append(said, word)
	}
	return strings.Join(said, ", ")
}

// clock is a clock that a test moves.
type clock struct{ after atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.after.Load())) }

func (c *clock) add(d time.Duration) { c.after.Add(int64(d)) }
