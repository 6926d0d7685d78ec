package auditlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// api answers with one page after the other.
type api struct {
	pages []string // JSON lists
	loop  bool     // the last page again and again
	calls []cloudflare.Call
}

var errRefused = errors.New("refused")

func (a *api) Call(_ context.Context, call cloudflare.Call) error {
	n := len(a.calls)
	a.calls = append(a.calls, call)
	info := "null"
	if n+1 < len(a.pages) || a.loop {
		info = fmt.Sprintf(`{"count":1,"cursor":"page-%d"}`, n+1)
	}
	if !call.Read(json.RawMessage(a.pages[min(n, len(a.pages)-1)]), json.RawMessage(info)) {
		return errRefused
	}
	return nil
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func read(t *testing.T, pages ...string) []outside.Entry {
	t.Helper()
	found, err := Read(t.Context(), &api{pages: pages}, noon, noon)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const (
	storeURI  = "/client/v4/accounts/0123456789abcdef0123456789abcdef/secrets_store/stores/st"
	secretURI = storeURI + "/secrets/s1"
)

// entryJSON is an entry of the log with some more fields.
func entryJSON(method, uri string, more ...string) string {
	return fmt.Sprintf(`{"id":"x","action":{"type":"update","result":"success","time":"2026-11-20T15:00:00Z"},`+
		`"actor":{"id":"u1","email":"jane@example.com","context":"dash","type":"user"},`+
		`"raw":{"method":%q,"uri":%q,"status_code":200}%s}`, method, uri, strings.Join(append([]string{""}, more...), ","))
}

func TestEntries(t *testing.T) {
	change := func(edit func(*outside.Entry)) []outside.Entry {
		e := outside.Entry{Time: "2026-11-20T15:00:00Z", Actor: "jane@example.com", Channel: "dash", Method: "PATCH", Store: "st", Secret: "s1"}
		edit(&e)
		return []outside.Entry{e}
	}
	for _, c := range []struct {
		name, entry string
		want        []outside.Entry
	}{
		{"a change", entryJSON("PATCH", secretURI), change(func(*outside.Entry) {})},
		{"as the dashboard requests it", entryJSON("patch", "/api/v4/accounts/a/secrets_store/stores/st/secrets/s1?x=y"), change(func(*outside.Entry) {})},
		{"of the value", entryJSON("PATCH", secretURI, `"resource":{"request":{"value_modified":true}}`), change(func(e *outside.Entry) { e.Value = planner.ValueModified })},
		{"not of the value", entryJSON("PATCH", secretURI, `"resource":{"response":{"result":{"id":"s1","value_modified":false}}}`), change(func(e *outside.Entry) { e.Value = planner.ValueKept })},
		{"both, in JSON within a string", entryJSON("PATCH", secretURI, `"resource":{"request":"{\"value_modified\":true}","response":{"value_modified":false}}`),
			change(func(e *outside.Entry) { e.Value = planner.ValueModified })},
		{"a flag that is none", entryJSON("PATCH", secretURI, `"resource":{"request":{"value_modified":"no"}}`), change(func(*outside.Entry) {})},
		{"too deep", entryJSON("PATCH", secretURI, `"resource":{"request":[[[[{"value_modified":false}]]]]}`), change(func(*outside.Entry) {})},
		{"a bulk creation", entryJSON("POST", storeURI+"/secrets", `"resource":{"response":{"result":[{"id":"s1","name":"key","comment":"c"}]}}`),
			change(func(e *outside.Entry) { e.Method, e.Secret, e.Secrets = "POST", "", []string{"key", "s1"} })},
		{"a duplicate", entryJSON("POST", secretURI+"/duplicate", `"resource":{"response":{"id":"s2"}}`),
			change(func(e *outside.Entry) { e.Method, e.Secret, e.Secrets = "POST", "", []string{"s2"} })},
		{"of a store", entryJSON("DELETE", storeURI), change(func(e *outside.Entry) { e.Method, e.Secret = "DELETE", "" })},
		{"by a token", strings.Replace(entryJSON("PATCH", secretURI), `"email":"jane@example.com","context":"dash"`, `"token_name":"ci","token_id":"t1","context":"api_token"`, 1),
			change(func(e *outside.Entry) { e.Actor, e.Channel = "ci", "api_token" })},
		{"a GET", entryJSON("GET", secretURI), nil},
		{"another product", entryJSON("PUT", "/client/v4/accounts/a/workers/scripts/api"), nil},
		{"a refused one", strings.Replace(entryJSON("PATCH", secretURI), "200", "403", 1), nil},
		{"a failed one", strings.Replace(entryJSON("PATCH", secretURI), "success", "failure", 1), nil},
		{"null", "null", nil},
		{"an odd path", entryJSON("PATCH", secretURI+"/../../x"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, "["+c.entry+"]")
			for i := range got { // objects have no order
				if s := got[i].Secrets; len(s) == 2 && s[0] > s[1] {
					s[0], s[1] = s[1], s[0]
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestNoValue: what an entry quotes of a request is searched for ids and names only.
func TestNoValue(t *testing.T) {
	got := read(t, "["+entryJSON("POST", storeURI+"/secrets", `"resource":{"request":[{"name":"key","value":"hunter2"}]}`)+"]")
	if text := fmt.Sprintf("%+v", got); len(got) != 1 || strings.Contains(text, "hunter2") {
		t.Errorf("read %s", text)
	}
}

func TestPages(t *testing.T) {
	one := "[" + entryJSON("PATCH", secretURI) + "]"
	a := &api{pages: []string{one, one, "[]"}}
	found, err := Read(t.Context(), a, noon, noon.Add(time.Hour))
	if err != nil || len(found) != 2 || len(a.calls) != 3 {
		t.Errorf("%d changes in %d requests, %v", len(found), len(a.calls), err)
	}
	for i, want := range []string{
		"before=2026-11-20T13%3A00%3A01Z&direction=desc&limit=1000&since=2026-11-20T12%3A00%3A00Z",
		"before=2026-11-20T13%3A00%3A01Z&cursor=page-1&direction=desc&limit=1000&since=2026-11-20T12%3A00%3A00Z",
	} {
		if got := a.calls[i].Query.Encode(); got != want {
			t.Errorf("query %s, want %s", got, want)
		}
		if a.calls[i].Permission != "Account Settings Read" || strings.Join(a.calls[i].Path, "/") != "logs/audit" {
			t.Errorf("call %+v", a.calls[i])
		}
	}
	old := &api{pages: []string{"[]"}}
	if _, err := Read(t.Context(), old, time.Time{}, noon); err != nil || old.calls[0].Query.Get("since") != "2025-05-20T12:00:00Z" {
		t.Errorf("%v, since %s", err, old.calls[0].Query.Get("since"))
	}
	endless := &api{pages: []string{one}, loop: true}
	if found, err := Read(t.Context(), endless, noon, noon); !errors.Is(err, errTooLong) || len(found) != maxPages || len(endless.calls) != maxPages {
		t.Errorf("an endless log: %d changes in %d requests, %v", len(found), len(endless.calls), err)
	}
	for _, bad := range []string{`{}`, `null`, `"x"`, `[1]`} {
		if _, err := Read(t.Context(), &api{pages: []string{bad}}, noon, noon); !errors.Is(err, errRefused) {
			t.Errorf("%s is taken for a log: %v", bad, err)
		}
	}
}

// FuzzEntries: any log is read or refused, and every entry that is read is about a store.
func FuzzEntries(f *testing.F) {
	for _, s := range []string{
		"[]", "[null]", "[" + entryJSON("PATCH", secretURI, `"resource":{"request":{"value_modified":true}}`) + "]",
		"[" + entryJSON("POST", storeURI+"/secrets", `"resource":{"response":"{\"result\":[{\"id\":\"s1\",\"name\":\"key\"}]}"}`) + "]",
		"[" + entryJSON("POST", secretURI+"/duplicate?x", `"resource":{"response":[[[[[[]]]]]]}`) + "]", `[{"raw":{"method":1}}]`, `{}`, `"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, result string) {
		var p page
		if !p.read(json.RawMessage(result), nil) {
			return
		}
		for _, e := range p.entries {
			if change, ok := e.change(); ok && (change.Store == "" || change.Method == "GET" || change.Secret != "" && len(change.Secrets) > 0) {
				t.Errorf("%s is read as %+v", result, change)
			}
		}
	})
}
