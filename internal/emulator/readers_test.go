package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

const accountPath = "client/v4/accounts/" + account + "/"

// auditEntry is an entry of the audit log.
type auditEntry struct {
	Action   struct{ Type, Time string }
	Actor    struct{ Email, Context, TokenName string }
	Raw      struct{ Method, URI string }
	Resource struct {
		Response struct {
			ValueModified  *bool  `json:"value_modified"`
			DuplicatedFrom string `json:"duplicated_from_id"`
			Secrets        []struct{ ID, Name string }
		}
	}
}

// auditLog reads a page of the log.
func auditLog(t *testing.T, server http.Handler, query url.Values) (entries []auditEntry, cursor string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/"+accountPath+"logs/audit?"+query.Encode(), http.NoBody)
	r.Header.Set("Authorization", "Bearer auditor")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	var answer struct {
		Result     []auditEntry
		ResultInfo struct{ Cursor string } `json:"result_info"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return answer.Result, answer.ResultInfo.Cursor
}

// between is a query for a time around the clock's.
func between(c *clock) url.Values {
	return url.Values{"since": {c.Add(-24 * time.Hour).Format(time.RFC3339)}, "before": {c.Add(24 * time.Hour).Format(time.RFC3339)}}
}

// TestAuditLog: each change is logged with who made it, at the time that the secret has, and
// without a value. The log survives a restart.
func TestAuditLog(t *testing.T) {
	now := newClock()
	opts := emulator.Options{StateFile: filepath.Join(t.TempDir(), "state.json"), Now: now.now}
	c, server := newClient(t, opts)
	id := c.newStore("prod")
	created := c.newSecret(id, "key", "hunter2")
	path := "/stores/" + id + "/secrets/" + created.ID
	c.send("PATCH", path, `{"value":"hunter3"}`)
	changed := get[secret](c, "PATCH", path, `{"comment":"c"}`)
	c.send("GET", path, nil)
	c.send("PATCH", path, `{"scopes":[]}`) // refused
	c.send("POST", path+"/duplicate", `{"name":"copy","scopes":["workers"]}`)
	c.send("DELETE", path, nil)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	server = newServer(t, opts)
	entries, cursor := auditLog(t, server, between(now))
	var got []string
	for _, e := range entries {
		text := e.Raw.Method + " " + e.Action.Type
		if v := e.Resource.Response.ValueModified; v != nil {
			text += fmt.Sprint(" ", *v)
		}
		for _, s := range e.Resource.Response.Secrets {
			text += " " + s.Name
		}
		if e.Resource.Response.DuplicatedFrom == created.ID {
			text += " duplicated"
		}
		got = append(got, text)
		if e.Actor.Context != "api_token" || !strings.HasPrefix(e.Raw.URI, "/client/v4/accounts/"+account+"/secrets_store/stores") {
			t.Errorf("an entry is %+v", e)
		}
	}
	want := "DELETE delete, POST create copy duplicated, PATCH update false, PATCH update true, POST create key, POST create"
	if strings.Join(got, ", ") != want || cursor != "" {
		t.Errorf("the log has %s, cursor %q; want %s", strings.Join(got, ", "), cursor, want)
	}
	if entries[2].Action.Time != changed.Modified {
		t.Errorf("the change at %s is logged at %s", changed.Modified, entries[2].Action.Time)
	}
	if text := fmt.Sprintf("%+v", entries); strings.Contains(text, "hunter") {
		t.Errorf("a value is logged: %s", text)
	}
}

func TestAuditQueries(t *testing.T) {
	now := newClock()
	c, server := newClient(t, emulator.Options{Now: now.now, AuditDelay: time.Minute})
	id := c.newStore("prod")
	for i := range 5 {
		c.newSecret(id, fmt.Sprint("s", i), "v")
	}
	if entries, _ := auditLog(t, server, between(now)); len(entries) != 0 {
		t.Errorf("%d entries are not late", len(entries))
	}
	now.add(time.Minute)
	query := between(now)
	query.Set("limit", "4")
	first, cursor := auditLog(t, server, query)
	query.Set("cursor", cursor)
	rest, end := auditLog(t, server, query)
	if len(first) != 4 || len(rest) != 2 || cursor == "" || end != "" || first[0].Resource.Response.Secrets[0].Name != "s4" {
		t.Errorf("pages of %d and %d entries, cursors %q and %q", len(first), len(rest), cursor, end)
	}
	query = between(now)
	query.Set("direction", "asc")
	if all, _ := auditLog(t, server, query); len(all) != 6 || all[5].Resource.Response.Secrets[0].Name != "s4" {
		t.Errorf("oldest first: %+v", all)
	}
	query.Set("before", now.Add(-time.Hour).Format(time.RFC3339))
	if none, _ := auditLog(t, server, query); len(none) != 0 {
		t.Errorf("%d entries outside of the time asked for", len(none))
	}
	for _, bad := range []string{"", "since=x&before=2026-11-24", "since=2026-11-20", "since=2026-11-20&before=2026-11-24&limit=0", "since=2026-11-20&before=2026-11-24&cursor=x"} {
		if r := c.send("GET", accountPath+"logs/audit?"+bad, nil); r.status != http.StatusBadRequest {
			t.Errorf("%q is answered with %d", bad, r.status)
		}
	}
}

// TestActors: a user of the dashboard and an API key show by their e-mail addresses.
func TestActors(t *testing.T) {
	now := newClock()
	_, server := newClient(t, emulator.Options{Now: now.now})
	for i, header := range []http.Header{
		{"Authorization": {"Bearer session"}, "Emulator-User": {"jane@example.com"}},
		{"X-Auth-Email": {"joe@example.com"}, "X-Auth-Key": {"k"}},
	} {
		r := httptest.NewRequest(http.MethodPost, "/"+accountPath+"workers/dispatch/namespaces", strings.NewReader(fmt.Sprintf(`{"name":"n%d"}`, i)))
		r.Header = header
		server.ServeHTTP(httptest.NewRecorder(), r)
	}
	entries, _ := auditLog(t, server, between(now))
	var got []string
	for _, e := range entries {
		got = append(got, e.Actor.Email+" "+e.Actor.Context)
	}
	if want := "joe@example.com api_key, jane@example.com dash"; strings.Join(got, ", ") != want {
		t.Errorf("by %s, want %s", strings.Join(got, ", "), want)
	}
}

// TestDeployed: what is deployed is listed with its bindings, which do not have the secrets' values.
func TestDeployed(t *testing.T) {
	c, server := newClient(t, emulator.Options{})
	id := c.newStore("prod")
	key := c.newSecret(id, "key", "v")
	metadata := `{"bindings":[{"type":"secret_text","name":"T","text":"hunter2"},{"type":"secrets_store_secret","name":"KEY","store_id":"` + id + `","secret_name":"key"}]}`
	if status, text := deploy(t, server, "t", metadata); status != http.StatusOK {
		t.Fatal(text)
	}
	first := c.send("GET", accountPath+"workers/scripts", nil).text
	deploy(t, server, "t", metadata)
	if again := c.send("GET", accountPath+"workers/scripts", nil).text; again == first || strings.Count(again, `"id":"shop"`) != 1 {
		t.Errorf("deployed again: %s, before %s", again, first)
	}
	c.send("POST", accountPath+"workers/dispatch/namespaces", `{"name":"customers"}`)
	c.send("POST", accountPath+"ai-gateway/gateways", `{"id":"chat"}`)
	for path, want := range map[string]string{
		"workers/scripts/shop/settings":                               `"bindings":[{"type":"secret_text","name":"T"},{"type":"secrets_store_secret","name":"KEY","store_id":"` + id + `","secret_name":"key"}]`,
		"workers/scripts/none/settings":                               `10007`,
		"workers/dispatch/namespaces":                                 `[{"namespace_name":"customers"`,
		"workers/dispatch/namespaces/customers/scripts":               `"result":[]`,
		"workers/dispatch/namespaces/none/scripts":                    `namespace not found`,
		"workers/dispatch/namespaces/customers/scripts/shop/bindings": `10007`,
		"ai-gateway/gateways":                                         `[{"id":"chat","store_id":"` + id + `"}]`,
		"ai-gateway/gateways/chat/provider_configs":                   `"result":[]`,
		"ai-gateway/gateways/none/provider_configs":                   `gateway not found`,
		"containers/registries":                                       `"result":[]`,
	} {
		if r := c.send("GET", accountPath+path, nil); !strings.Contains(r.text, want) || strings.Contains(r.text, "hunter2") {
			t.Errorf("%s: %s, want %s", path, r.text, want)
		}
	}
	configs := accountPath + "ai-gateway/gateways/chat/provider_configs"
	if r := c.send("POST", configs, map[string]string{"provider_slug": "openai", "secret_id": key.ID}); !strings.Contains(r.text, "secret_scope_invalid") {
		t.Errorf("a secret without the scope ai_gateway: %s", r.text)
	}
	if r := c.send("POST", configs, map[string]string{"provider_slug": "openai", "alias": "main", "secret": "v"}); !r.Success {
		t.Errorf("a key to be stored: %s", r.text)
	}
	if all := c.list(id); len(all) != 2 || all[0].Name != "chat_openai_main" && all[1].Name != "chat_openai_main" {
		t.Errorf("the store has %+v", all)
	}
	if r := c.send("GET", configs, nil); strings.Count(r.text, `"secret_id"`) != 1 || strings.Contains(r.text, `"secret":`) {
		t.Errorf("configurations: %s", r.text)
	}
	if r := c.send("DELETE", accountPath+"workers/scripts/shop", nil); !r.Success || strings.Contains(c.send("GET", accountPath+"workers/scripts", nil).text, "shop") {
		t.Errorf("deleted: %s", r.text)
	}
}

// A deployed Worker can bind only existing secrets. Their modification times move only with
// DeployMoves.
func TestDeploy(t *testing.T) {
	for _, moves := range []bool{false, true} {
		c, server := newClient(t, emulator.Options{DeployMoves: moves})
		id := c.newStore("prod")
		bound, other := c.newSecret(id, "bound", "1"), c.newSecret(id, "other", "2")
		binding := `{"type":"secrets_store_secret","name":"KEY","store_id":"` + id + `","secret_name":"%s"}`
		for _, tt := range []struct {
			metadata string
			status   int
			message  string
		}{
			{`{"bindings":[{"type":"plain_text","name":"X","text":"x"},` + fmt.Sprintf(binding, "bound") + `]}`, http.StatusOK, `"id":"shop"`},
			{`{}`, http.StatusOK, `"id":"shop"`},
			{`{"bindings":[` + fmt.Sprintf(binding, "bound") + "," + fmt.Sprintf(binding, "gone") + `]}`, http.StatusBadRequest, "references store '" + id + "' and secret 'gone' which were not found"},
			{`{"bindings":`, http.StatusBadRequest, "metadata"},
			{"", http.StatusBadRequest, "metadata"},
		} {
			status, text := deploy(t, server, "t", tt.metadata)
			if status != tt.status || !strings.Contains(text, tt.message) {
				t.Errorf("%s: %d %s", tt.metadata, status, text)
			}
		}
		for _, one := range c.list(id) {
			before := bound.Modified
			if one.Name == "other" {
				before = other.Modified
			}
			if moved := one.Modified > before; moved != (moves && one.Name == "bound") {
				t.Errorf("DeployMoves %v: %s moved: %v", moves, one.Name, moved)
			}
		}
	}
}

// deploy uploads a Worker with this metadata, or with none if it is empty.
func deploy(t *testing.T, server http.Handler, token, metadata string) (status int, text string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	fields := map[string]string{"index.js": "export default {}"}
	if metadata != "" {
		fields["metadata"] = metadata
	}
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "/client/v4/accounts/"+account+"/workers/scripts/shop", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
